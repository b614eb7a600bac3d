/* Preloaded, this makes a machine without LLVM: dlopen() of any library whose name has "LLVM" in it fails, in the way
 * it does for a file that is not there. */
#include <dlfcn.h>
#include <string.h>

void *dlopen(const char *name, int flags)
{
    void *(*next)(const char *, int);
    *(void **)&next = dlsym(RTLD_NEXT, "dlopen");
    return next(name && strstr(name, "LLVM") ? "/nonexistent/libLLVM.so" : name, flags);
}
