/* A worker program that lies: keeper and worker in one process. $OJT_LIE says how; test_worker_liar.c has the list. */
#include "worker/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static uint8_t message[OJI_WIRE_MAX_SIZE];
static const char *lie;
static char object[] = "an object";

static bool is(const char *name) { return strcmp(lie, name) == 0; }

/* The number after a name, such as 12 of "cut_12"; -1 where it is another lie. */
static int number_of(const char *name)
{
    size_t length = strlen(name);
    return strncmp(lie, name, length) == 0 ? atoi(lie + length) : -1;
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
    size = oji_wire_put_hello(message, &hello);
    if (is("hello_other_protocol"))
        oji_store16(message + 4, 7);
    if (is("hello_half"))
        size /= 2;
    send_raw(3, size, NULL, 0);
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

/* The file that goes with a success. */
static int choose_file(void)
{
    int pair[2];
    if (is("file_unsealed"))
        return file_of(0, object, sizeof object);
    if (is("file_may_shrink"))
        return file_of(F_SEAL_GROW | F_SEAL_WRITE, object, sizeof object);
    if (is("file_may_be_written"))
        return file_of(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW, object, sizeof object);
    if (is("file_may_be_unsealed"))
        return file_of(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, object, sizeof object);
    if (is("file_of_disk"))
        return open("/etc/passwd", O_RDONLY);
    if (is("file_socket") && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0)
        return pair[0];
    if (is("file_folder"))
        return open("/", O_RDONLY | O_DIRECTORY);
    return file_of(SEALS, object, sizeof object);
}

static oji_wire_result truth(void)
{
    oji_wire_result result;
    memset(&result, 0, sizeof result);
    result.object_size = sizeof object;
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
}

static void forge_exit(int fd, uint64_t id)
{
    oji_wire_exit end = {11, 0, 6, oji_wire_text_of("forged\033[2J")};
    send_raw(fd, oji_wire_put_exit(message, id, &end), NULL, 0);
}

static void flood(int fd, uint64_t id)
{
    oji_wire_diagnostic diagnostic = {1, oji_wire_text_of("again")};
    for (;;)
        if (oji_worker_send(fd, message, oji_wire_put_diagnostic(message, id, &diagnostic), -1, true) != 0)
            exit(0);
}

static void answer_failure(int fd, uint64_t id)
{
    char text[3000];
    oji_wire_result result;
    memset(&result, 0, sizeof result);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    text[1] = '\033';
    result.status = OJ_E_COMPILE;
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
    uint32_t size;
    int cut = number_of("cut_"), flip = number_of("flip_");
    bool is_cut;
    bend(&result);
    size = oji_wire_put_result(message, is("id_wrong") ? id + 1 : id, true, &result);
    if (is("result_long"))
        size = OJI_WIRE_MAX_SIZE;
    if (is("result_empty"))
        size = 0;
    is_cut = cut >= 0 && (uint32_t)cut < size;
    if (is_cut)
        size = (uint32_t)cut;
    if (flip >= 0)
        message[(uint32_t)flip % size] ^= 0x40;
    if (is("file_missing"))
        send_raw(fd, size, NULL, 0);
    else
        send_raw(fd, size, files, is("files_many") ? 3 : 1);
    if (is("result_twice"))
        send_raw(fd, size, files, 1);
    if (is_cut)
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

static void serve(int fd)
{
    for (;;) {
        oji_worker_message request = {.capacity = sizeof message, .bytes = message};
        uint64_t id;
        if (oji_worker_wait(fd, UINT64_MAX) != 0 || oji_worker_receive(fd, &request) != 0)
            exit(0);
        id = request.header.id;
        if (request.file < 0)
            answer_target(fd, id);
        else if (is("silent"))
            stall();
        else if (is("ends"))
            exit(0);
        else if (is("forged_exit"))
            forge_exit(fd, id);
        else if (is("forged_idle_exit"))
            forge_exit(fd, 0);
        else if (is("flood"))
            flood(fd, id);
        else if (is("failure_long"))
            answer_failure(fd, id);
        else if (is("hello_as_answer"))
            send_raw(fd, oji_wire_put_hello(message, &(oji_wire_hello){0}), NULL, 0);
        else
            answer(fd, id);
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
