/* t */
#include "idp.h"
#include "subjects.h"
const struct test_list attack_list = {NULL, 0};
