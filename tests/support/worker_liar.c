/* A worker program that lies: keeper and worker in one process. $OJT_LIE says how; test_worker_liar.c has the list. */
#include "worker/channel.h"

#include <ownjit/compiler.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static uint8_t message[OJI_WIRE_MAX_SIZE];
static const char *lie;
static char object[OJI_WIRE_MAX_SIZE] = "an object";
#define OBJECT_SIZE sizeof "an object"

static bool is(const char *name) { return strcmp(lie, name) == 0; }

/* The number after "kind_what_", such as 12 of "hello_cut_12"; -1 where it is another lie. */
static int number_of(const char *kind, const char *what)
{
    char name[32];
    snprintf(name, sizeof name, "%s_%s_", kind, what);
    return strncmp(lie, name, strlen(name)) == 0 ? atoi(lie + strlen(name)) : -1;
}

/* Cut the message, or turn a bit of it over, where the lie is about this kind; its size then. */
static uint32_t spoil(const char *kind, uint32_t size)
{
    int cut = number_of(kind, "cut"), flip = number_of(kind, "flip");
    if (flip >= 0)
        message[(uint32_t)flip % size] ^= 0x40;
    return cut >= 0 && (uint32_t)cut < size ? (uint32_t)cut : size;
}

static void stall(void)
{
    for (;;)
        pause();
}

/* Without any of the checks that oji_worker_send() and its callers make. */
static void send_raw(int fd, uint32_t size, const int *files, size_t n_files)
{
    struct iovec part = {message, size};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(8 * sizeof(int))];
    } extra;
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    memset(&extra, 0, sizeof extra);
    if (n_files > 0) {
        header.msg_control = extra.bytes;
        header.msg_controllen = CMSG_SPACE(n_files * sizeof(int));
        extra.header.cmsg_level = SOL_SOCKET;
        extra.header.cmsg_type = SCM_RIGHTS;
        extra.header.cmsg_len = CMSG_LEN(n_files * sizeof(int));
        memcpy(CMSG_DATA(&extra.header), files, n_files * sizeof(int));
    }
    sendmsg(fd, &header, MSG_NOSIGNAL);
}

static void greet(void)
{
    oji_wire_hello hello = {OJ_VERSION_NUMBER, 220000, OJ_OK, 0, oji_wire_text_of("")};
    uint32_t size;
    if (is("hello_other_library"))
        hello.library_version++;
    if (is("hello_strange_status"))
        hello.status = 12345;
    if (is("hello_no_llvm")) {
        hello.status = OJ_E_NO_LLVM;
        hello.text = oji_wire_text_of("there\nis none");
    }
    if (is("hello_ends"))
        exit(0);
    if (is("hello_stalls"))
        stall();
    if (strncmp(lie, "late", 4) == 0)
        usleep((is("later") ? 1000 : 400) * 1000);
    size = oji_wire_put_hello(message, &hello);
    /* As a program that ends at once, whenever the client writes: that fails from here on. */
    if (is("hello_deaf"))
        shutdown(3, SHUT_RD);
    if (is("hello_other_protocol"))
        oji_store16(message + 4, 7);
    if (is("hello_half"))
        size /= 2;
    send_raw(3, spoil("hello", size), NULL, 0);
    if (is("hello_and_end"))
        exit(0);
}

static int file_of(uint32_t seals, const char *bytes, size_t size)
{
    int fd = memfd_create("lie", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (write(fd, bytes, size) != (ssize_t)size || (seals && fcntl(fd, F_ADD_SEALS, seals) != 0))
        exit(9);
    return fd;
}

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* Of the right size, and without a page of memory. */
static int file_with_hole(void)
{
    int fd = memfd_create("lie", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (ftruncate(fd, OBJECT_SIZE) != 0 || fcntl(fd, F_ADD_SEALS, SEALS) != 0)
        exit(9);
    return fd;
}

/* The file that goes with a success. */
static int choose_file(void)
{
    int pair[2];
    if (is("file_unsealed"))
        return file_of(0, object, OBJECT_SIZE);
    if (is("file_may_shrink"))
        return file_of(F_SEAL_GROW | F_SEAL_WRITE, object, OBJECT_SIZE);
    if (is("file_may_be_written"))
        return file_of(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW, object, OBJECT_SIZE);
    if (is("file_may_be_unsealed"))
        return file_of(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, object, OBJECT_SIZE);
    if (is("file_with_hole"))
        return file_with_hole();
    if (is("file_of_disk"))
        return open("/etc/passwd", O_RDONLY);
    if (is("file_socket") && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0)
        return pair[0];
    if (is("file_folder"))
        return open("/", O_RDONLY | O_DIRECTORY);
    return file_of(SEALS, object, OBJECT_SIZE);
}

static oji_wire_result truth(void)
{
    oji_wire_result result;
    memset(&result, 0, sizeof result);
    result.object_size = OBJECT_SIZE;
    result.triple = oji_wire_text_of("triple");
    result.cpu = oji_wire_text_of("cpu");
    return result;
}

static void bend(oji_wire_result *result)
{
    if (is("size_larger"))
        result->object_size++;
    if (is("size_smaller"))
        result->object_size--;
    if (is("size_huge"))
        result->object_size = UINT64_MAX;
    if (is("status_strange"))
        result->status = 4711;
    if (is("status_of_keeper"))
        result->status = OJ_E_WORKER_START;
    if (is("failure_with_file"))
        result->status = OJ_E_IR;
    if (strncmp(lie, "inline", 6) == 0)
        result->bytes = (oji_wire_text){object, OBJECT_SIZE};
    if (is("inline_shorter"))
        result->bytes.size--;
    if (is("inline_longer"))
        result->object_size--;
    if (is("inline_none"))
        result->object_size = result->bytes.size = 0;
    if (is("inline_large"))
        result->object_size = result->bytes.size = OJI_WIRE_INLINE_SIZE + 1;
}

static void forge_exit(int fd, uint64_t id)
{
    oji_wire_exit end = {is("exit_cpu") ? SIGXCPU : SIGSEGV, 0, 6, oji_wire_text_of("forged\033[2J")};
    send_raw(fd, spoil("exit", oji_wire_put_exit(message, id, &end)), NULL, 0);
}

static void flood(int fd, uint64_t id)
{
    oji_wire_diagnostic diagnostic = {1, oji_wire_text_of("again")};
    for (;;)
        if (oji_worker_send(fd, message, oji_wire_put_diagnostic(message, id, &diagnostic), -1, true) != 0)
            exit(0);
}

static void warn(int fd, uint64_t id)
{
    oji_wire_diagnostic diagnostic = {OJ_SEVERITY_WARNING, oji_wire_text_of("beware")};
    send_raw(fd, spoil("diagnostic", oji_wire_put_diagnostic(message, id, &diagnostic)), NULL, 0);
}

static void answer_failure(int fd, uint64_t id)
{
    char text[3000];
    oji_wire_result result;
    memset(&result, 0, sizeof result);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    text[1] = '\033';
    result.status = is("failure_strange") ? 4711 : OJ_E_COMPILE;
    result.text = result.object = result.symbol = result.section = oji_wire_text_of(text);
    result.text.size = 2500;
    result.object.size = result.symbol.size = result.section.size = 600;
    send_raw(fd, oji_wire_put_result(message, id, false, &result), NULL, 0);
}

/* A success: the truth but for one lie. */
static void answer(int fd, uint64_t id)
{
    oji_wire_result result = truth();
    int files[3] = {choose_file(), choose_file(), choose_file()};
    uint32_t size, whole;
    bool is_inline = strncmp(lie, "inline", 6) == 0;
    bend(&result);
    size = oji_wire_put_result(message, is("id_wrong") ? id + 1 : id, !is_inline || is("inline_twice"), &result);
    if (is("result_long"))
        size = OJI_WIRE_MAX_SIZE;
    if (is("result_empty"))
        size = 0;
    whole = size;
    size = spoil(is_inline ? "inline" : "result", size);
    if (is("file_missing") || (is_inline && !is("inline_twice")))
        send_raw(fd, size, NULL, 0);
    else
        send_raw(fd, size, files, is("files_many") ? 3 : 1);
    if (is("result_twice"))
        send_raw(fd, size, files, 1);
    if (size < whole)
        exit(0);
}

/* The truth about the target, so that compilers can be made. */
static void answer_target(int fd, uint64_t id)
{
    oji_wire_result result = truth();
    result.object_size = 0;
    if (is("target_with_file")) {
        answer(fd, id);
        return;
    }
    send_raw(fd, oji_wire_put_result(message, id, false, &result), NULL, 0);
}

static bool has_input(const oji_worker_message *received)
{
    oji_wire_request request;
    return oji_wire_get_request(received->bytes, &received->header, &request) && request.input_size > 0;
}

static void serve(int fd)
{
    for (;;) {
        oji_worker_message request = {.capacity = sizeof message, .bytes = message};
        uint64_t id;
        if (oji_worker_wait(fd, UINT64_MAX) != 0 || oji_worker_receive(fd, &request) != 0)
            exit(0);
        id = request.header.id;
        if (!has_input(&request))
            answer_target(fd, id);
        else if (is("silent"))
            stall();
        else if (is("ends"))
            exit(0);
        else if (is("forged_exit") || strncmp(lie, "exit_", 5) == 0)
            forge_exit(fd, id);
        else if (is("forged_idle_exit"))
            forge_exit(fd, 0);
        else if (is("flood"))
            flood(fd, id);
        else if (is("failure_long") || is("failure_strange"))
            answer_failure(fd, id);
        else if (is("hello_as_answer"))
            send_raw(fd, oji_wire_put_hello(message, &(oji_wire_hello){0}), NULL, 0);
        else {
            if (strncmp(lie, "diagnostic_", 11) == 0)
                warn(fd, id);
            answer(fd, id);
        }
    }
}

/* No lie of it outlives its test: workers end with their keeper, and the keeper by itself. */
int main(void)
{
    alarm(120);
    lie = getenv("OJT_LIE") ? getenv("OJT_LIE") : "";
    for (;;) {
        oji_worker_message request = {.capacity = sizeof message, .bytes = message};
        if (oji_worker_wait(3, UINT64_MAX) != 0 || oji_worker_receive(3, &request) != 0)
            return 0;
        if (request.header.kind == OJI_WIRE_SETUP)
            greet();
        else if (is("start_ignored"))
            close(request.file);
        else if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            serve(request.file);
        } else
            close(request.file);
    }
}
