/* A client that lies: the worker program is spoken to by hand, and every message to it is cut at every byte and has a
 * bit of every byte turned over. It may answer or end; it may not crash, hang, or take anything else with it. */
#include "test_llvm_worker_support.h"

#include "compile/compile.h"
#include "worker/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 20000u

static uint8_t message[OJI_WIRE_MAX_SIZE], answer[OJI_WIRE_MAX_SIZE];
static const char ir_text[] = "define i32 @f() {\n  ret i32 1\n}\n";

typedef struct keeper {
    pid_t pid;
    int control;
} keeper;

static const char *program(void)
{
    static char path[4200];
    const char *given = getenv("OWNJIT_WORKER");
    ssize_t length = readlink("/proc/self/exe", path, 4000);
    if (given)
        return given;
    assert_true(length > 0);
    path[length] = '\0';
    strcpy(strrchr(path, '/'), "/../bin/ownjit-worker");
    return path;
}

static keeper start_keeper(void)
{
    keeper k;
    int pair[2];
    assert_int_equal(oji_worker_make_pair(pair), 0);
    k.control = pair[0];
    k.pid = fork();
    assert_true(k.pid >= 0);
    if (k.pid == 0) {
        dup2(pair[1], 3);
        close_range(4, ~0u, 0);
        execl(program(), "ownjit-worker", "--keeper", (char *)NULL);
        _exit(126);
    }
    close(pair[1]);
    return k;
}

/* Its client being gone, it ends, and not by a signal. */
static void end_keeper(keeper k)
{
    int status = 0;
    uint64_t end = now_ms() + PATIENCE_MS;
    pid_t pid;
    close(k.control);
    while ((pid = waitpid(k.pid, &status, WNOHANG)) == 0 && now_ms() < end)
        sleep_ms(1);
    assert_int_equal(pid, k.pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) == 126)
        fail_msg("the keeper ended with %#x", (unsigned)status);
}

/* The next message into `answer`; its kind, 0 where the other end is gone. What is no message fails the test. */
static uint32_t hear(int fd, oji_wire_header *header)
{
    oji_worker_message received = {.capacity = sizeof answer, .bytes = answer};
    int reason = oji_worker_wait(fd, oji_now() + (uint64_t)PATIENCE_MS * 1000000u);
    assert_int_equal(reason, 0);
    reason = oji_worker_receive(fd, &received);
    if (reason == ENODATA || reason == EAGAIN)
        return 0;
    assert_int_equal(reason, 0);
    if (received.file >= 0)
        close(received.file);
    *header = received.header;
    return received.header.kind;
}

static uint32_t put_setup(void)
{
    oji_wire_setup setup = {OJ_VERSION_NUMBER, ojt_llvm_wanted(), 10000, 0, UINT64_C(1) << 32, {"", 0}};
    return oji_wire_put_setup(message, &setup);
}

/* Skips where this LLVM is not installed. */
static keeper open_keeper(void)
{
    keeper k = start_keeper();
    oji_wire_header header;
    oji_wire_hello hello;
    assert_int_equal(oji_worker_send(k.control, message, put_setup(), -1, true), 0);
    assert_int_equal(hear(k.control, &header), OJI_WIRE_HELLO);
    assert_true(oji_wire_get_hello(answer, &header, &hello));
    if (hello.status == OJ_E_NO_LLVM) {
        end_keeper(k);
        skip();
    }
    assert_int_equal(hello.status, OJ_OK);
    return k;
}

/* A bit of byte `at` turned over, or cut there. */
static uint32_t spoil(uint32_t size, uint32_t at, bool cuts)
{
    if (!cuts)
        message[at] ^= 0x40;
    return cuts ? at : size;
}

/* --- to the keeper ------------------------------------------------------------------------------------------------ */

static void client_spoils_the_setup(void **state)
{
    uint32_t size = put_setup();
    (void)state;
    end_keeper(open_keeper());
    for (int cuts = 0; cuts < 2; cuts++)
        for (uint32_t at = 0; at < size; at++) {
            keeper k = start_keeper();
            oji_wire_header header;
            uint32_t kind;
            put_setup();
            assert_int_equal(oji_worker_send(k.control, message, spoil(size, at, cuts), -1, true), 0);
            kind = hear(k.control, &header);
            assert_true(kind == 0 || kind == OJI_WIRE_HELLO);
            end_keeper(k);
        }
}

/* What is not wholly a start ends the keeper; it never gives an answer to one. */
static void client_spoils_the_start(void **state)
{
    uint32_t size = oji_wire_put_start(message);
    (void)state;
    for (int cuts = 0; cuts < 2; cuts++)
        for (uint32_t at = 0; at < size; at += 3) {
            keeper k = open_keeper();
            oji_wire_header header;
            int pair[2];
            assert_int_equal(oji_worker_make_pair(pair), 0);
            oji_wire_put_start(message);
            assert_int_equal(oji_worker_send(k.control, message, spoil(size, at, cuts), pair[1], true), 0);
            close(pair[1]);
            /* The number of a request is not looked at. */
            if (cuts || at < 8 || at >= 16)
                assert_int_equal(hear(k.control, &header), 0);
            close(pair[0]);
            end_keeper(k);
        }
}

/* A start is about a socket that comes along; this one says that none does. */
static void client_starts_a_worker_without_a_socket(void **state)
{
    keeper k = open_keeper();
    oji_wire_header header;
    uint32_t size = oji_wire_put_start(message);
    (void)state;
    oji_store32(message + 20, 0);
    assert_int_equal(oji_worker_send(k.control, message, size, -1, true), 0);
    assert_int_equal(hear(k.control, &header), 0);
    end_keeper(k);
}

/* --- to a worker -------------------------------------------------------------------------------------------------- */

static int start_worker(keeper k)
{
    int pair[2];
    assert_int_equal(oji_worker_make_pair(pair), 0);
    assert_int_equal(oji_worker_send(k.control, message, oji_wire_put_start(message), pair[1], true), 0);
    close(pair[1]);
    return pair[0];
}

/* 0, or the size of the input in a file. */
static uint32_t put_request(uint64_t file_size)
{
    static uint8_t bytes[1024];
    oji_wire_config config = {.level = 1, .given = OJI_WIRE_HAS_PASSES, .passes = oji_wire_text_of("default<O1>")};
    oji_wire_request request = {sizeof ir_text - 1,       UINT64_C(1) << 30,        10,
                                OJI_WIRE_COMPILE,         oji_wire_text_of("mine"), {(char *)bytes, 0},
                                oji_wire_text_of(ir_text)};
    config.triple = config.cpu = config.features = oji_wire_text_of("");
    request.config.size = oji_wire_put_config(bytes, &config);
    if (file_size) {
        request.input_size = file_size;
        request.bytes.size = 0;
    }
    return oji_wire_put_request(message, 7, file_size != 0, &request);
}

/* Sends message to a worker of its own, and hears it to its end or its result; the status, or -1. */
static int32_t ask(keeper k, uint32_t size, int file)
{
    uint8_t kept[4096];
    oji_wire_header header;
    oji_wire_result result;
    oji_wire_exit end;
    uint32_t kind;
    int32_t status = -1;
    int fd;
    assert_true(size <= sizeof kept);
    memcpy(kept, message, size);
    fd = start_worker(k);
    assert_int_equal(oji_worker_send(fd, kept, size, file, true), 0);
    do
        kind = hear(fd, &header);
    while (kind == OJI_WIRE_DIAGNOSTIC);
    if (kind == OJI_WIRE_RESULT) {
        assert_true(oji_wire_get_result(answer, &header, &result));
        status = result.status;
    } else if (kind != 0) {
        assert_int_equal(kind, OJI_WIRE_EXIT);
        assert_true(oji_wire_get_exit(answer, &header, &end));
        /* Its memory may have ended, where a bit made its limit smaller. */
        if (end.signal != 0 && end.signal != SIGABRT)
            fail_msg("the worker ended by signal %u in phase %u", end.signal, end.phase);
    }
    close(fd);
    return status;
}

static void client_spoils_the_request(void **state)
{
    keeper k = open_keeper();
    uint32_t size = put_request(0);
    (void)state;
    assert_int_equal(ask(k, size, -1), OJ_OK);
    for (uint32_t at = 0; at < size; at++) {
        put_request(0);
        ask(k, spoil(size, at, false), -1);
        /* Nothing at all is the end, as a closed socket is. */
        put_request(0);
        if (at > 0)
            assert_int_equal(ask(k, spoil(size, at, true), -1), -1);
    }
    put_request(0);
    assert_int_equal(ask(k, size, -1), OJ_OK);
    end_keeper(k);
}

static int file_of(uint32_t seals)
{
    int fd = memfd_create("client", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(write(fd, ir_text, sizeof ir_text - 1), sizeof ir_text - 1);
    assert_true(seals == 0 || fcntl(fd, F_ADD_SEALS, seals) == 0);
    return fd;
}

/* The worker does not map what could change or shrink under it, nor what is no file. */
static void client_sends_files_that_are_none(void **state)
{
    enum { ALL = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };
    keeper k = open_keeper();
    uint64_t size = sizeof ir_text - 1;
    int pair[2];
    const struct {
        int file;
        uint64_t size;
        int32_t status;
    } files[] = {{file_of(ALL), size, OJ_OK},
                 {file_of(ALL), size + 1, OJ_E_SYSTEM},
                 {file_of(ALL), size - 1, OJ_E_SYSTEM},
                 {file_of(ALL), UINT64_MAX, OJ_E_SYSTEM},
                 {file_of(0), size, OJ_E_SYSTEM},
                 {file_of(F_SEAL_GROW | F_SEAL_WRITE), size, OJ_E_SYSTEM},
                 {file_of(F_SEAL_GROW | F_SEAL_SHRINK), size, OJ_E_SYSTEM},
                 {open("/proc/self/maps", O_RDONLY | O_CLOEXEC), size, OJ_E_SYSTEM},
                 {open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), size, OJ_E_SYSTEM}};
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    for (size_t i = 0; i < OJI_COUNT(files); i++) {
        int32_t status = ask(k, put_request(files[i].size), files[i].file);
        if (status != files[i].status)
            fail_msg("file %zu: status %d", i, status);
        close(files[i].file);
    }
    assert_int_equal(ask(k, put_request(size), pair[0]), OJ_E_SYSTEM);
    close(pair[0]);
    close(pair[1]);
    end_keeper(k);
}

/* Messages of other kinds, and a second request before the first is answered, which is answered in turn. */
static void client_speaks_out_of_turn(void **state)
{
    keeper k = open_keeper();
    oji_wire_header header;
    oji_wire_exit end = {0, 0, 0, {"", 0}};
    int fd;
    (void)state;
    assert_int_equal(ask(k, put_setup(), -1), -1);
    assert_int_equal(ask(k, oji_wire_put_exit(message, 7, &end), -1), -1);
    fd = start_worker(k);
    for (int i = 0; i < 2; i++)
        assert_int_equal(oji_worker_send(fd, message, put_request(0), -1, true), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(hear(fd, &header), OJI_WIRE_RESULT);
    close(fd);
    assert_int_equal(oji_worker_send(k.control, message, put_request(0), -1, true), 0);
    assert_int_equal(hear(k.control, &header), 0);
    end_keeper(k);
}

OJT_MAIN(cmocka_unit_test(client_spoils_the_setup), cmocka_unit_test(client_spoils_the_start),
         cmocka_unit_test(client_starts_a_worker_without_a_socket), cmocka_unit_test(client_spoils_the_request),
         cmocka_unit_test(client_sends_files_that_are_none), cmocka_unit_test(client_speaks_out_of_turn))
