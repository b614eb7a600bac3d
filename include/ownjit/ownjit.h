/* OwnJIT: LLVM IR into machine code in memory its client owns.
 *
 *     oj_error error;
 *     oj_compiler *compiler;
 *     oj_code *code;
 *     oj_compiler_create(&compiler, NULL, &error);
 *     oj_compile_bitcode(compiler, bitcode, size, &link_options, &code, &error);
 *     oj_compiler_destroy(compiler);
 *     int (*add)(int, int) = (int (*)(int, int))oj_code_lookup(code, "add");
 *     add(2, 3);
 *
 * Each part's header is its specification: base.h first, for the conventions that all of them follow. */
#ifndef OWNJIT_OWNJIT_H
#define OWNJIT_OWNJIT_H

#include <ownjit/base.h>
#include <ownjit/code.h>
#include <ownjit/compiler.h>
#include <ownjit/link.h>
#include <ownjit/llvm.h>
#include <ownjit/memory.h>
#include <ownjit/object.h>
#include <ownjit/session.h>
#include <ownjit/stackmap.h>
#include <ownjit/tls.h>
#include <ownjit/workers.h>

#endif
