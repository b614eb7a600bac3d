/* What is judged of a link's options without a link. */
#include "link/options.h"

/* ORDER LINK_FLAGS */
_Static_assert(OJI_LINK_FLAGS ==
                   (OJ_LINK_KEEP_NO_SYMBOLS | OJ_LINK_KEEP_LOCAL_SYMBOLS | OJ_LINK_WHOLE_PAGES | OJ_LINK_NO_UNWIND |
                    OJ_LINK_PRIVATE_MEMORY | OJ_LINK_SECTIONS_SINGLY | OJ_LINK_DEBUGGER | OJ_LINK_PERF_MAP |
                    OJ_LINK_JITDUMP | OJ_LINK_UNWIND_BY_CLIENT | OJ_LINK_RUN_CONSTRUCTORS | OJ_LINK_DROP_UNREFERENCED |
                    OJ_LINK_KEEP_UNWIND | OJ_LINK_OMIT_UNWIND),
               "every flag is known to the structs that take them");

/* Unknown bits are refused rather than ignored: a newer client would believe that they had an effect. */
oj_status oji_link_check_flags(uint32_t flags, const char *name, oj_error *error)
{
    OJI_TRY(oji_check_flags(flags, OJI_LINK_FLAGS, name, error));
    if ((flags & OJ_LINK_KEEP_NO_SYMBOLS) && (flags & OJ_LINK_KEEP_LOCAL_SYMBOLS))
        return oji_fail(error, OJ_E_MISUSE, "%s both keeps no symbols and keeps local ones", name);
    if ((flags & OJ_LINK_NO_UNWIND) && (flags & (OJ_LINK_KEEP_UNWIND | OJ_LINK_UNWIND_BY_CLIENT)))
        return oji_fail(error, OJ_E_MISUSE, "%s both leaves unwind tables out (OJ_LINK_NO_UNWIND) and places them (%s)",
                        name, flags & OJ_LINK_KEEP_UNWIND ? "OJ_LINK_KEEP_UNWIND" : "OJ_LINK_UNWIND_BY_CLIENT");
    if ((flags & OJ_LINK_KEEP_UNWIND) && (flags & OJ_LINK_UNWIND_BY_CLIENT))
        return oji_fail(error, OJ_E_MISUSE,
                        "%s both tells the process's unwinder (OJ_LINK_KEEP_UNWIND) and tells nobody "
                        "(OJ_LINK_UNWIND_BY_CLIENT)",
                        name);
    return OJ_OK;
}

oj_status oji_link_check_resolver(const oj_resolver *resolver, const char *name, oj_error *error)
{
    const char *missing = NULL;
    switch (resolver->kind) {
    case OJ_RESOLVER_OBJECTS:
    case OJ_RESOLVER_PROCESS:
    case OJ_RESOLVER_CXX:
        break;
    case OJ_RESOLVER_TABLE:
        missing = !resolver->table && resolver->n_table > 0 ? "table" : NULL;
        break;
    case OJ_RESOLVER_CALLBACK:
        missing = !resolver->resolve ? "resolve" : NULL;
        break;
    case OJ_RESOLVER_CODE:
        missing = !resolver->code ? "code" : NULL;
        break;
    case OJ_RESOLVER_LIBRARY:
        missing = !resolver->context ? "context" : NULL;
        break;
    default:
        return oji_fail(error, OJ_E_MISUSE, "%s.kind is %u, which is none", name, resolver->kind);
    }
    if (missing)
        return oji_fail(error, OJ_E_MISUSE, "%s.%s is NULL", name, missing);
    for (size_t i = 0; i < resolver->n_table && resolver->kind == OJ_RESOLVER_TABLE; i++)
        if (!resolver->table[i].name)
            return oji_fail(error, OJ_E_MISUSE, "%s.table[%zu].name is NULL", name, i);
    return OJ_OK;
}
