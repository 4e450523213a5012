/* t */
#include "idp.h"
#include "subjects.h"
const struct test_list prefilter_list = {NULL, 0};
