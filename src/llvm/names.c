/* What a module defines for others, as its object's symbol table will say it. */
#include "compile/compile.h"
#include "llvm/llvm.h"

/* The binding that code generation gives; false where no other module will see a symbol. What is merely available has
 * its body elsewhere; appending globals are lists for the linker, not symbols. */
static bool find_binding(const oji_llvm_api *api, oji_llvm_value *value, uint32_t *binding)
{
    if (api->IsDeclaration(value) || api->GetVisibility(value) == OJI_LLVM_HIDDEN)
        return false;
    switch (api->GetLinkage(value)) {
    case OJI_LLVM_EXTERNAL:
        *binding = OJ_SYMBOL_GLOBAL;
        return true;
    case OJI_LLVM_LINK_ONCE_ANY:
    case OJI_LLVM_LINK_ONCE_ODR:
    case OJI_LLVM_WEAK_ANY:
    case OJI_LLVM_WEAK_ODR:
        *binding = OJ_SYMBOL_WEAK;
        return true;
    case OJI_LLVM_COMMON:
        *binding = OJI_COMPILE_COMMON;
        return true;
    default:
        return false;
    }
}

/* A name that begins with the byte 1 is the rest of it, exempt from mangling (LLVM LangRef, "Identifiers"); other
 * names are not mangled in ELF. */
static bool tell(const oji_llvm_api *api, oji_llvm_value *value, oji_compile_names *names)
{
    uint32_t binding;
    size_t size;
    const char *name;
    if (!find_binding(api, value, &binding))
        return true;
    name = api->GetValueName2(value, &size);
    if (size > 0 && name[0] == '\1') {
        name++;
        size--;
    }
    return size == 0 || names->add(names->context, name, size, binding);
}

/* Four lists of the same form, each with functions of its own. */
bool oji_llvm_list_names(const oji_llvm_api *api, oji_llvm_module *module, oji_compile_names *names)
{
    struct {
        oji_llvm_value *(*first)(oji_llvm_module *);
        oji_llvm_value *(*next)(oji_llvm_value *);
    } lists[] = {{api->GetFirstFunction, api->GetNextFunction},
                 {api->GetFirstGlobal, api->GetNextGlobal},
                 {api->GetFirstGlobalAlias, api->GetNextGlobalAlias},
                 {api->GetFirstGlobalIFunc, api->GetNextGlobalIFunc}};
    size_t assembly_size = 0;
    for (size_t i = 0; i < OJI_COUNT(lists); i++)
        for (oji_llvm_value *value = lists[i].first(module); value; value = lists[i].next(value))
            if (!tell(api, value, names))
                return false;
    api->GetModuleInlineAsm(module, &assembly_size);
    names->may_define_more = assembly_size > 0;
    return true;
}
