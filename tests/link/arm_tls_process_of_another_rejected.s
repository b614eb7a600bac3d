#  Another processor's threads are the client's to know about.
# fails OJ_E_UNSUPPORTED
# says which another process or processor needs oj_link_options.tls for
.section .tbss,"awT",%nobits
v: .zero 4
.text
 .word v(tpoff)
