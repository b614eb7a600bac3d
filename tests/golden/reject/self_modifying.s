# flags:
# expect: OJ_E_UNSUPPORTED writable and executable
        .section .patched,"awx",@progbits
f:      ret
