/* Levels of control, 6: by hand, for another process.
 *
 * The child has memory of its own at an address of its own, and no compiler, no object and no linker. We compile and
 * link here for its addresses, and send it the bytes; it stores, flushes, protects and runs them. The code calls a
 * function of the child's and has variables in the child. On the way:
 *
 *   child -> us    the address of its function
 *   us -> child    how many bytes it needs: the plan knows
 *   child -> us    where it has them
 *   us -> child    the segments (where, what kind, how large, the bytes), and where to begin
 *   child -> us    the result
 *
 * Build:  cc control_other_process.c $(pkg-config --cflags --libs ownjit) */
#include <ownjit/ownjit.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char ir[] = "@offset = global i32 1000\n"
                         "declare i32 @child_function(i32)\n"
                         "define i32 @entry(i32 %x) {\n"
                         "  %answer = call i32 @child_function(i32 %x)\n"
                         "  %offset = load i32, i32* @offset\n"
                         "  %sum = add i32 %answer, %offset\n"
                         "  ret i32 %sum\n"
                         "}\n";

enum { MAX_SEGMENTS = 3 };

/* One segment on the way; its bytes follow. */
struct header {
    uint64_t addr;
    uint64_t size;
    uint64_t kind;
};

static bool fail(const char *who, const char *what)
{
    fprintf(stderr, "control_other_process: %s: %s\n", who, what);
    return false;
}

static bool send_bytes(int socket, const void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = send(socket, (const char *)bytes + done, size - done, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static bool receive(int socket, void *bytes, size_t size)
{
    return recv(socket, bytes, size, MSG_WAITALL) == (ssize_t)size;
}

static bool send_number(int socket, uint64_t number) { return send_bytes(socket, &number, sizeof number); }

static uint64_t round_up(uint64_t size)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    return (size + page - 1) & ~(page - 1);
}

/* --- the child ---------------------------------------------------------------------------------------------------- */

/* Told apart from the parent's by what only the child knows. */
static int known_to_child_only;
static int child_function(int x) { return x * known_to_child_only; }

/* The address comes from the one who links, who is trusted to run code here: nothing else is checked. */
static bool store_segment(int socket)
{
    struct header header;
    if (!receive(socket, &header, sizeof header))
        return false;
    char *start = (char *)(uintptr_t)header.addr;
    if (!receive(socket, start, (size_t)header.size))
        return false;
    if (header.kind == OJ_SEGMENT_DATA)
        return true;
    __builtin___clear_cache(start, start + header.size);
    return mprotect(start, (size_t)round_up(header.size),
                    header.kind == OJ_SEGMENT_CODE ? PROT_READ | PROT_EXEC : PROT_READ) == 0;
}

static bool serve(int socket)
{
    uint64_t size, n_segments, entry_addr;
    known_to_child_only = 7;
    if (!send_number(socket, (uint64_t)(uintptr_t)child_function) || !receive(socket, &size, sizeof size))
        return fail("child", "no size");
    void *memory = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || !send_number(socket, (uint64_t)(uintptr_t)memory))
        return fail("child", "no memory");
    if (!receive(socket, &n_segments, sizeof n_segments))
        return fail("child", "no segments");
    for (uint64_t i = 0; i < n_segments; i++)
        if (!store_segment(socket))
            return fail("child", "a segment cannot be stored");
    if (!receive(socket, &entry_addr, sizeof entry_addr))
        return fail("child", "no entry");
    int (*entry)(int) = (int (*)(int))(uintptr_t)entry_addr;
    return send_number(socket, (uint64_t)entry(6));
}

/* --- the parent --------------------------------------------------------------------------------------------------- */

static oj_object *compile(oj_error *error)
{
    oj_compiler *compiler;
    oj_bytes *bytes;
    oj_object *object = NULL;
    oj_ir source = oj_ir_bytes(ir, sizeof ir - 1);
    if (oj_compiler_create(&compiler, NULL, error) != OJ_OK)
        return NULL;
    if (oj_compile_object(compiler, &source, &bytes, error) == OJ_OK) {
        oj_object_create(&object, oj_bytes_data(bytes), oj_bytes_size(bytes), NULL, error);
        oj_bytes_destroy(bytes);
    }
    oj_compiler_destroy(compiler);
    return object;
}

static bool send_segments(int socket, const oj_segment *segments, size_t n_segments)
{
    if (!send_number(socket, n_segments))
        return false;
    for (size_t i = 0; i < n_segments; i++) {
        struct header header = {.addr = segments[i].run_addr, .size = segments[i].size, .kind = segments[i].kind};
        if (!send_bytes(socket, &header, sizeof header) ||
            !send_bytes(socket, segments[i].write, (size_t)segments[i].size))
            return false;
    }
    return true;
}

/* Each segment on pages of its own over there; here all of them are in one buffer. */
static bool choose(const oj_plan *plan, uint64_t child_addr, char *buffer, oj_segment *segments)
{
    uint64_t offset = 0;
    for (size_t i = 0; i < oj_plan_segment_count(plan); i++) {
        if (oj_plan_segment(plan, i, &segments[i], sizeof segments[i]) != OJ_OK)
            return false;
        segments[i].run_addr = child_addr + offset;
        segments[i].write = buffer + offset;
        offset += round_up(segments[i].size);
    }
    return true;
}

static bool link_for_child(oj_plan *plan, int socket, char *buffer, uint64_t child_addr)
{
    oj_error error;
    oj_code *code;
    oj_segment segments[MAX_SEGMENTS];
    size_t n_segments = oj_plan_segment_count(plan);
    if (!choose(plan, child_addr, buffer, segments))
        return fail("parent", "no segments");
    if (oj_plan_write(plan, segments, n_segments, &code, &error) != OJ_OK)
        return fail("parent", error.text);
    uint64_t entry_addr = oj_code_lookup_addr(code, "entry");
    oj_code_destroy(code);
    printf("   entry is at 0x%llx of the child\n", (unsigned long long)entry_addr);
    return (send_segments(socket, segments, n_segments) && send_number(socket, entry_addr)) ||
           fail("parent", "the child does not listen");
}

static bool plan_for_child(oj_plan *plan, int socket)
{
    uint64_t size = 0, child_addr, result;
    oj_segment segment;
    for (size_t i = 0; i < oj_plan_segment_count(plan); i++)
        if (oj_plan_segment(plan, i, &segment, sizeof segment) == OJ_OK)
            size += round_up(segment.size);
    if (oj_plan_segment_count(plan) > MAX_SEGMENTS || !send_number(socket, size) ||
        !receive(socket, &child_addr, sizeof child_addr))
        return fail("parent", "the child has no memory");
    char *buffer = aligned_alloc((size_t)sysconf(_SC_PAGESIZE), (size_t)size);
    bool is_sent = buffer && link_for_child(plan, socket, buffer, child_addr);
    free(buffer);
    if (!is_sent || !receive(socket, &result, sizeof result))
        return fail("parent", "no result");
    printf("   entry(6) = %d over there\n", (int)result);
    return result == 1042;
}

static bool compile_for_child(int socket)
{
    oj_error error;
    oj_plan *plan;
    oj_definition definition = {.name = "child_function"};
    if (!receive(socket, &definition.addr, sizeof definition.addr))
        return fail("parent", "the child does not speak");
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_table(&definition, 1)};
    oj_link_options options;
    oj_link_options_init(&options);
    options.resolvers = resolvers;
    options.n_resolvers = 2;
    oj_object *object = compile(&error);
    if (!object)
        return fail("parent", error.text);
    bool is_right = false;
    if (oj_plan_create(&plan, (const oj_object *const *)&object, 1, &options, &error) == OJ_OK) {
        is_right = plan_for_child(plan, socket);
        oj_plan_destroy(plan);
    } else {
        fail("parent", error.text);
    }
    oj_object_destroy(object);
    return is_right;
}

int main(void)
{
    int sockets[2], status = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0) {
        perror("control_other_process: socketpair");
        return EXIT_FAILURE;
    }
    pid_t child = fork();
    if (child == 0) {
        close(sockets[0]);
        _exit(serve(sockets[1]) ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    close(sockets[1]);
    bool is_right = child > 0 && compile_for_child(sockets[0]);
    close(sockets[0]);
    if (child > 0 && waitpid(child, &status, 0) != child)
        status = -1;
    return is_right && status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
