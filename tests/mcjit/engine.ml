(* Debian's OCaml bindings of LLVM, and their execution engine. *)
open Llvm
module Engine = Llvm_executionengine

let context = create_context ()
let i32 = i32_type context

let build name body =
  let m = create_module context name in
  body m;
  m

let add_function m name arity body =
  let f = define_function name (function_type i32 (Array.make arity i32)) m in
  let b = builder_at_end context (entry_block f) in
  ignore (build_ret (body b (params f)) b);
  f

let address engine name t = Engine.get_function_address name t engine

let () =
  if not (Engine.initialize ()) then failwith "no native target";
  let first =
    build "first" (fun m ->
        let square = declare_function "square" (function_type i32 [| i32 |]) m in
        let cell = define_global "cell" (const_int i32 40) m in
        ignore cell;
        ignore
          (add_function m "plus" 2 (fun b p ->
               let s = build_call square [| p.(0) |] "s" b in
               build_add s p.(1) "r" b)))
  in
  let engine = Engine.create ~options:{ Engine.default_compiler_options with opt_level = 2 } first in
  let second = build "second" (fun m -> ignore (add_function m "square" 1 (fun b p -> build_mul p.(0) p.(0) "r" b))) in
  Engine.add_module second engine;
  let open Ctypes in
  let plus = address engine "plus" (Foreign.funptr (int32_t @-> int32_t @-> returning int32_t)) in
  Printf.printf "plus %ld\n" (plus 7l 5l);
  let square = address engine "square" (Foreign.funptr (int32_t @-> returning int32_t)) in
  Printf.printf "square %ld\n" (square 9l);
  let cell = Engine.get_global_value_address "cell" int32_t engine in
  Printf.printf "cell %ld\n" cell;
  let third =
    build "third" (fun m ->
        let host = declare_global i32 "host" m in
        ignore (add_function m "read_host" 0 (fun b _ -> build_load host "v" b)))
  in
  Engine.add_module third engine;
  let mine = allocate int32_t 123l in
  (match lookup_global "host" third with
  | Some g -> Engine.add_global_mapping g mine engine
  | None -> failwith "host");
  let read_host = address engine "read_host" (Foreign.funptr (void @-> returning int32_t)) in
  Printf.printf "mapped %ld\n" (read_host ());
  Engine.remove_module second engine;
  Printf.printf "still %ld\n" (plus 3l 1l);
  (match address engine "nothing" (Foreign.funptr (void @-> returning int32_t)) with
  | _ -> print_endline "found"
  | exception Engine.Error text -> print_endline ("error: " ^ text));
  Engine.run_static_ctors engine;
  Engine.run_static_dtors engine;
  print_endline (Llvm_target.DataLayout.as_string (Engine.data_layout engine));
  Engine.dispose engine;
  dispose_module second;
  dispose_context context
