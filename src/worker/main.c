/* ownjit-worker: started by the library, for compilers that are isolated. */
#include "worker/program.h"

#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return printf("ownjit-worker %d.%d.%d, protocol %u\n", OJ_VERSION_MAJOR, OJ_VERSION_MINOR, OJ_VERSION_PATCH,
                      OJI_WIRE_VERSION) < 0;
    if (argc != 2 || strcmp(argv[1], "--keeper") != 0) {
        fputs(
            "ownjit-worker: started by libownjit for programs that compile in other processes; there is nothing to do "
            "here by hand\n",
            stderr);
        return 2;
    }
    _exit(oji_worker_keep(OJI_KEEPER_CONTROL_FD));
}
