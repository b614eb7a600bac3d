/* Processors whose unwinders search no index. */
#include "code/index.h"

bool oji_index_lead(void) { return false; }
void oji_index_lead_back(void) {}
