/* Inside the pre-filter: the scanner's state, for prefilter.c (which reads bytes) and prefilter_rules.c (which knows what the elements are). */
#pragma once
#include "providers/verifier/prefilter.h"

#define ATTRIBUTES_MAX 32 /* of one element, namespace declarations among them */
#define DEPTH_MAX 32

struct span {
	const char *start;
	size_t length;
};
bool span_is(struct span span, const char *text);

struct name {
	struct span whole, prefix, local;
};

struct attribute {
	struct name name;
	struct span value; /* as written, references and all */
};

struct tag {
	struct name name;
	struct attribute attributes[ATTRIBUTES_MAX];
	size_t count;
};

struct open_element {
	struct name name;
	unsigned signed_infos, signature_values, references, signatures; /* children of that name */
};

struct prefilter_limits {
	size_t bytes, depth, elements, attributes;
	bool comments;
};
const struct prefilter_limits *prefilter_limits(enum prefilter_kind kind);

struct scan {
	enum prefilter_kind kind;
	const struct prefilter_limits *limits;
	struct checks *checks;
	const char *at, *end;
	struct tag tag; /* the start tag just read */
	struct open_element open[DEPTH_MAX];
	size_t depth;
	size_t assertions, encrypted_keys;
	GHashTable *ids;
	struct prefilter_facts facts;
	bool refused;
};

/* Records the broken rule; false. */
bool prefilter_refuse(struct scan *scan, const char *rule, const char *seen, size_t seen_length, const char *expected);

/* The start tag in scan->tag, whose parent is the innermost open element. */
bool prefilter_element(struct scan *scan);
/* The innermost element ends. */
bool prefilter_close(struct scan *scan);
/* The document has ended well. */
bool prefilter_document(struct scan *scan);
