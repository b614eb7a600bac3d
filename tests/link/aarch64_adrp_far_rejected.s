#  An address that pages do not reach from where the client places: code for it has to load it, as :got: does.
# define far 0x123456789abcdef0
# fails OJ_E_PLACEMENT
# says outside the window
.text
 nop
 adrp x0, far
 add x0, x0, :lo12:far
