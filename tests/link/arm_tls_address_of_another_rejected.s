#  An address in another processor's memory does not say which variable lies there.
# define v 0x1000
# fails OJ_E_UNSUPPORTED symbol=v
# says only oj_tls.find of oj_link_options.tls can find it
.text
.type v, %tls_object
 .word v(gottpoff)
