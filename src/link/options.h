/* Options of links, judged where they are given: for those who keep them for links to come. `name` is what the message
 * calls the field or the struct. */
#ifndef OJI_LINK_OPTIONS_H
#define OJI_LINK_OPTIONS_H

#include "base/base.h"

#include <ownjit/link.h>

oj_status oji_link_check_flags(uint32_t flags, const char *name, oj_error *error);
/* What its kind needs is there; other members are ignored. */
oj_status oji_link_check_resolver(const oj_resolver *resolver, const char *name, oj_error *error);

#endif
