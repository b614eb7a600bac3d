/* ownjit link: objects to the bytes of an image for addresses that the user chose, for whatever runs there. Nothing of
 * this process is looked up, and nothing is executed. */
#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_TARGET = OPTION_KEY(0x300),
    KEY_BASE,
    KEY_RODATA,
    KEY_DATA,
    KEY_DEFSYM,
    KEY_MAP,
    KEY_GC_SECTIONS,
    KEY_TLS_GET_ADDR,
    KEY_TLS_DESCRIPTOR
};

/* Where nothing else is said, segments lie this far apart at least, so that each can have permissions of its own. */
#define IMAGE_PAGE UINT64_C(4096)

/* A run address of the user's. */
struct address {
    uint64_t value;
    bool is_given;
};

struct link_options {
    struct command command;
    const char **files;
    size_t n_files;
    oj_definition *definitions; /* names are given to free() */
    size_t n_definitions;
    const char *target;
    const char *output;
    const char *map;
    struct address addrs[OJ_SEGMENT_DATA + 1]; /* by oj_segment_kind */
    struct address tls_get_addr;
    struct address tls_descriptor;
    uint32_t flags; /* OJ_LINK_... */
};

static const struct argp_option link_table[] = {
    {NULL, 0, NULL, 0, "Output:", 1},
    {"output", 'o', "FILE", 0,
     "Write the image to FILE: all segments as they lie in memory, from the lowest address on", 1},
    {"map", KEY_MAP, "FILE", 0,
     "List segments, sections, symbols, unwind tables, constructors with their addresses in FILE; - is standard output",
     1},
    {NULL, 0, NULL, 0, "Addresses (0x for hexadecimal):", 2},
    {"base", KEY_BASE, "ADDR", 0, "Where the code will run. Required", 2},
    {"rodata", KEY_RODATA, "ADDR", 0, "Where read-only data will lie (default: on the page after the code)", 2},
    {"data", KEY_DATA, "ADDR", 0, "Where variables will lie (default: on the page after read-only data)", 2},
    {"defsym", KEY_DEFSYM, "NAME=ADDR", 0,
     "NAME is at ADDR; the objects' own definition of it, if any, is not used. May be repeated", 2},
    {"tls-get-addr", KEY_TLS_GET_ADDR, "ADDR", 0,
     "The function there finds thread-local variables, as __tls_get_addr does", 2},
    {"tls-descriptor", KEY_TLS_DESCRIPTOR, "ADDR", 0, "The function there does so for TLS descriptors", 2},
    {NULL, 0, NULL, 0, "Linking:", 3},
    {"gc-sections", KEY_GC_SECTIONS, NULL, 0, "Leave out hidden functions and data that nothing refers to", 3},
    {"target", KEY_TARGET, "ARCH", 0,
     "Refuse objects that are for another architecture; its name is one of those that 'ownjit info' lists", 3},
    OPTION_HELP,
    {0}};

static const char link_doc[] =
    "Link ELF objects and static archives for addresses that you choose, into a file."
    "\v"
    "The objects say what the target is; this machine need not be of its kind. Members of archives are linked where "
    "they "
    "define names that are needed. The image holds the segments byte for byte, zero-filled data included, for a loader "
    "that brings them to their addresses.\n\n"
    "  ownjit compile --target=aarch64-linux-gnu -O2 app.c -o app.o\n"
    "  ownjit link app.o --base=0x40000000 --defsym=putchar=0x1000 -o app.bin";

/* Ends the program where the text is no address. */
static uint64_t parse_addr(const struct command *command, const char *option, const char *text)
{
    char *end = NULL;
    errno = 0;
    bool is_hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    unsigned long long value = strtoull(text, &end, is_hexadecimal ? 16 : 10);
    /* strtoull takes blanks and a sign. */
    if (errno != 0 || text[0] < '0' || text[0] > '9' || *end != '\0')
        fail_usage(command, "--%s: '%s' is not an address, such as 0x80000000", option, text);
    return value;
}

static void set_addr(const struct command *command, struct address *address, const char *option, const char *text)
{
    if (address->is_given)
        fail_usage(command, "--%s is given twice", option);
    address->value = parse_addr(command, option, text);
    address->is_given = true;
}

/* The name is copied: it ends in the middle of the argument. */
static void add_definition(struct link_options *options, const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text)
        fail_usage(&options->command, "--defsym=%s is not of the form NAME=ADDR", text);
    oj_definition *definition = &options->definitions[options->n_definitions];
    definition->addr = parse_addr(&options->command, "defsym", equals + 1);
    definition->name = strndup(text, (size_t)(equals - text));
    if (!definition->name)
        fail_usage(&options->command, "out of memory");
    for (size_t i = 0; i < options->n_definitions; i++)
        if (strcmp(options->definitions[i].name, definition->name) == 0)
            fail_usage(&options->command, "--defsym gives '%s' two addresses", definition->name);
    options->n_definitions++;
}

/* A triple, or what other tools call an architecture, would be found to differ from every object's. */
static void check_target(const struct command *command, const char *target)
{
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; oj_link_architecture(i) && used < sizeof names; i++) {
        if (strcmp(oj_link_architecture(i), target) == 0)
            return;
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "", oj_link_architecture(i));
    }
    fail_usage(command, "--target=%s is none of %s", target, names);
}

static void check_link_options(const struct link_options *options)
{
    const struct command *command = &options->command;
    if (options->n_files == 0)
        fail_usage(command, "no FILE to link");
    if (!options->addrs[OJ_SEGMENT_CODE].is_given)
        fail_usage(command, "no address to link for: name it with --base=ADDR");
    if (!options->output)
        fail_usage(command, "no file to write to: name it with -o FILE");
    if (options->target)
        check_target(command, options->target);
    if (options->tls_descriptor.is_given && !options->tls_get_addr.is_given)
        fail_usage(command, "--tls-descriptor needs --tls-get-addr: descriptors hold that address too");
    if (options->map && output_is_same(options->map, options->output))
        fail_usage(command, "-o and --map both write to '%s'", options->map);
    for (size_t i = 0; i < options->n_files; i++) {
        output_check(command, "-o", options->output, options->files[i]);
        if (options->map)
            output_check(command, "--map", options->map, options->files[i]);
    }
}

static error_t parse_link(int key, char *arg, struct argp_state *state)
{
    struct link_options *options = state->input;
    const struct command *command = &options->command;
    switch (key) {
    case 'o':
        options->output = arg;
        return 0;
    case KEY_MAP:
        options->map = arg;
        return 0;
    case KEY_TARGET:
        options->target = arg;
        return 0;
    case KEY_BASE:
        set_addr(command, &options->addrs[OJ_SEGMENT_CODE], "base", arg);
        return 0;
    case KEY_RODATA:
        set_addr(command, &options->addrs[OJ_SEGMENT_RODATA], "rodata", arg);
        return 0;
    case KEY_DATA:
        set_addr(command, &options->addrs[OJ_SEGMENT_DATA], "data", arg);
        return 0;
    case KEY_TLS_GET_ADDR:
        set_addr(command, &options->tls_get_addr, "tls-get-addr", arg);
        return 0;
    case KEY_TLS_DESCRIPTOR:
        set_addr(command, &options->tls_descriptor, "tls-descriptor", arg);
        return 0;
    case KEY_DEFSYM:
        add_definition(options, arg);
        return 0;
    case KEY_GC_SECTIONS:
        options->flags |= OJ_LINK_DROP_UNREFERENCED;
        return 0;
    case ARGP_KEY_ARG:
        options->files[options->n_files++] = arg;
        return 0;
    case ARGP_KEY_END:
        check_link_options(options);
        return 0;
    default:
        return options_common(command, key, state);
    }
}

static const struct argp link_argp = {link_table, parse_link, "FILE... --base=ADDR -o FILE", link_doc, NULL,
                                      NULL,       NULL};

struct linking {
    const struct link_options *options;
    struct input *inputs;
    size_t n_inputs;
    const oj_object **objects;
    size_t n_objects;
    oj_archive **archives;
    size_t n_archives;
    oj_plan *plan;
    oj_code *code;
    struct image image;
};

/* Does a relocation of this name have code ask the function that finds variables, or the one of descriptors? The other
 * models count on a distance from the thread pointer. */
static bool asks_function(const char *name)
{
    return strstr(name, "TLSGD") || strstr(name, "TLSLD") || strstr(name, "TLS_GD") || strstr(name, "TLS_LDM");
}
static bool asks_descriptor(const char *name) { return strstr(name, "TLSDESC") || strstr(name, "TLS_GOTDESC"); }

/* The library takes the caller's word for both functions; without it code would call what is not there. */
static bool check_tls(const struct link_options *options, const oj_object *object)
{
    oj_relocation_info relocation;
    for (size_t s = 1; s < oj_object_section_count(object); s++)
        for (size_t r = 0; oj_object_relocation(object, s, r, &relocation, sizeof relocation) == OJ_OK; r++) {
            if (!options->tls_get_addr.is_given && asks_function(relocation.name))
                return fail("%s calls a function that finds thread-local variables (%s): say where it is with "
                            "--tls-get-addr=ADDR",
                            oj_object_name(object), relocation.name);
            if (!options->tls_descriptor.is_given && asks_descriptor(relocation.name))
                return fail("%s finds thread-local variables by descriptors (%s): say where their function is with "
                            "--tls-descriptor=ADDR, or compile with -mtls-dialect=trad or for local-exec",
                            oj_object_name(object), relocation.name);
        }
    return true;
}

static bool read_archive(struct linking *linking, struct input *input)
{
    oj_archive_options options;
    oj_error error;
    oj_archive *archive = NULL;
    oj_archive_options_init(&options);
    options.flags = OJ_OBJECT_BORROW;
    options.name = input->name;
    if (oj_archive_create(&archive, input->data, input->size, &options, &error) != OJ_OK)
        return fail_library(input->name, &error);
    linking->archives[linking->n_archives++] = archive;
    /* A member that cannot be read, or is for another target, may be one that nobody needs. */
    for (size_t i = 0; i < oj_archive_symbol_count(archive); i++) {
        const oj_object *member = NULL;
        if (oj_archive_lookup(archive, oj_archive_symbol(archive, i), &member, &error) == OJ_OK &&
            !check_tls(linking->options, member))
            return false;
    }
    return true;
}

static bool read_object(struct linking *linking, struct input *input)
{
    static const struct codegen_options nothing;
    struct codegen codegen = {.options = &nothing};
    const char *target = linking->options->target;
    if (!input_make_object(input, &codegen))
        return false;
    const char *architecture = oj_object_architecture(input->object);
    if (target && strcmp(target, architecture) != 0)
        return fail("'%s' is for %s, not for %s as --target says", input->name, architecture, target);
    linking->objects[linking->n_objects++] = input->object;
    return check_tls(linking->options, input->object);
}

static bool read_files(struct linking *linking)
{
    const struct link_options *options = linking->options;
    for (size_t i = 0; i < options->n_files; i++) {
        struct input *input = &linking->inputs[linking->n_inputs++];
        if (!input_read(input, options->files[i]))
            return false;
        if (input->kind != INPUT_OBJECT && input->kind != INPUT_ARCHIVE)
            return fail("'%s' is %s. Compile it first: ownjit compile %s -o OUT.o", input->name,
                        input_kind_name(input->kind), input->name);
        if (input->kind == INPUT_ARCHIVE ? !read_archive(linking, input) : !read_object(linking, input))
            return false;
    }
    return linking->n_objects > 0 || fail("there is no object to link: members of archives are linked where something "
                                          "refers to them");
}

/* The library wants an address in any case, one of 32 bits where all are. Nothing calls it where it is not given. */
static void fill_tls(struct linking *linking)
{
    const struct link_options *options = linking->options;
    linking->image.tls.get_addr = options->tls_get_addr.value != 0 ? options->tls_get_addr.value : UINT32_MAX;
    linking->image.tls.descriptor = options->tls_descriptor.value;
}

/* What --defsym says comes before the objects' own definitions, as with ld. The process has no say. */
static bool make_plan(struct linking *linking)
{
    const struct link_options *given = linking->options;
    oj_resolver resolvers[] = {oj_resolver_table(given->definitions, given->n_definitions), oj_resolver_objects()};
    struct undefined_list list;
    oj_link_options options;
    oj_error error;
    image_init(&linking->image, oj_object_architecture(linking->objects[0]));
    fill_tls(linking);
    oj_link_options_init(&options);
    options.flags = given->flags;
    options.resolvers = resolvers;
    options.n_resolvers = 2;
    options.archives = linking->archives;
    options.n_archives = linking->n_archives;
    options.tls = &linking->image.tls;
    undefined_open(&list, &options);
    oj_status status = oj_plan_create(&linking->plan, linking->objects, linking->n_objects, &options, &error);
    if (status == OJ_E_UNDEFINED && list.n_names > 0)
        undefined_fail(&list, "--defsym=NAME=ADDR, or name the object or archive that has them");
    else if (status != OJ_OK)
        fail_library(NULL, &error);
    undefined_close(&list);
    return status == OJ_OK;
}

/* The first address at or after `at` that suits the segment; 0 where there is none. */
static uint64_t next_addr(uint64_t at, const oj_segment *segment)
{
    uint64_t mask = (segment->alignment > IMAGE_PAGE ? segment->alignment : IMAGE_PAGE) - 1;
    return at <= UINT64_MAX - mask ? (at + mask) & ~mask : 0;
}

static bool check_addr(const oj_segment *segment)
{
    static const char *const options[] = {"?", "base", "rodata", "data"};
    if ((segment->run_addr & (segment->alignment - 1)) == 0)
        return true;
    return fail("--%s=0x%llx is no multiple of %llu, to which what lies there is aligned",
                options[segment->kind <= OJ_SEGMENT_DATA ? segment->kind : 0], (unsigned long long)segment->run_addr,
                (unsigned long long)segment->alignment);
}

/* Each segment where the user said, or else after the one before it. The library checks what comes of it. */
static bool choose_addrs(struct linking *linking)
{
    struct image *image = &linking->image;
    uint64_t end = linking->options->addrs[OJ_SEGMENT_CODE].value;
    for (size_t i = 0; i < MAX_IMAGE_SEGMENTS; i++) {
        oj_segment *segment = &image->segments[i];
        if (oj_plan_segment(linking->plan, i, segment, sizeof *segment) != OJ_OK)
            break;
        const struct address *given = &linking->options->addrs[segment->kind];
        segment->run_addr = given->is_given ? given->value : next_addr(end, segment);
        end = segment->run_addr + segment->size;
        if (end < segment->run_addr)
            return fail("the image does not fit the address space: it would end after the highest address");
        if (!check_addr(segment))
            return false;
        size_t alignment = segment->alignment > sizeof(max_align_t) ? (size_t)segment->alignment : sizeof(max_align_t);
        segment->write = NULL;
        if (posix_memalign(&segment->write, alignment, (size_t)segment->size) != 0)
            return fail("out of memory: %llu bytes of the image", (unsigned long long)segment->size);
        image->n_segments++;
    }
    return true;
}

static bool write_image(struct linking *linking)
{
    const struct link_options *options = linking->options;
    oj_error error;
    if (!choose_addrs(linking))
        return false;
    if (oj_plan_write(linking->plan, linking->image.segments, linking->image.n_segments, &linking->code, &error) !=
        OJ_OK)
        return fail_library(NULL, &error);
    /* The image last: where there is one, all that was asked for is there. */
    return (!options->map || map_write(&linking->image, linking->plan, linking->code, options->map)) &&
           image_write(&linking->image, options->output);
}

static bool link_files(struct linking *linking)
{
    size_t n = linking->options->n_files;
    linking->inputs = calloc(n, sizeof *linking->inputs);
    linking->objects = calloc(n, sizeof *linking->objects);
    linking->archives = calloc(n, sizeof *linking->archives);
    if (!linking->inputs || !linking->objects || !linking->archives)
        return fail("out of memory");
    return read_files(linking) && make_plan(linking) && write_image(linking);
}

/* The plan keeps objects and archives, and they borrow the inputs. */
static void release(struct linking *linking)
{
    oj_code_destroy(linking->code);
    oj_plan_destroy(linking->plan);
    for (size_t i = 0; i < linking->n_archives; i++)
        oj_archive_destroy(linking->archives[i]);
    for (size_t i = 0; i < linking->n_inputs; i++)
        input_close(&linking->inputs[i]);
    image_close(&linking->image);
    free(linking->inputs);
    free(linking->objects);
    free(linking->archives);
}

int command_link(int argc, char **argv)
{
    struct link_options options = {.command = {"link", &link_argp}};
    struct linking linking = {.options = &options};
    options.files = calloc((size_t)argc + 1, sizeof *options.files);
    options.definitions = calloc((size_t)argc + 1, sizeof *options.definitions);
    bool is_linked = false;
    if (!options.files || !options.definitions) {
        fail("out of memory");
    } else {
        options_parse(&options.command, argc, argv, &options);
        is_linked = link_files(&linking);
        release(&linking);
    }
    for (size_t i = 0; i < options.n_definitions; i++)
        free((void *)(uintptr_t)options.definitions[i].name);
    free(options.files);
    free(options.definitions);
    return is_linked ? 0 : EXIT_OWNJIT;
}
