/* YAML by libyaml's events, the only user of it: the tree is built on a stack of 32 open containers, without recursion, and whatever
 * YAML could do beyond JSON (aliases that explode, tags, merge keys, several documents, UTF-16) is refused at the event that brings it.
 *
 * Lines are kept by the address of a value. The table holds a reference to each, so an address cannot come back as another value while
 * the document lives. jansson shares true, false and null between all trees, so those are kept by parent and key. */
#include "base/document.h"
#include "base/errors.h"
#include "base/secret.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#define DEPTH_MAX 32
#define FILE_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct document {
	char *name, *folder;
	json_t *root;
	GHashTable *lines;        /* json_t * (held) -> line */
	GHashTable *shared_lines; /* "parent address/key" -> line, for true, false and null */
	bool may_refer;
};

struct frame {
	json_t *container;
	char *key; /* in an object, the key whose value comes next; NULL: a key comes next */
	int key_line;
};

struct builder {
	struct document *document;
	yaml_parser_t parser;
	yaml_event_t event;
	struct frame stack[DEPTH_MAX];
	int depth;
	bool seen_document;
};

static bool is_shared(const json_t *value)
{
	return json_is_null(value) || json_is_boolean(value);
}

static char *shared_key(const json_t *parent, const char *key)
{
	return g_strdup_printf("%p/%s", (const void *)parent, key);
}

static int event_line(const struct builder *builder)
{
	return (int)MIN(builder->event.start_mark.line, (size_t)G_MAXINT - 1) + 1;
}

static bool refuse(const struct builder *builder, GError **error, const char *problem)
{
	return fail(error, ERROR_MALFORMED, "%s:%d: %s", builder->document->name, event_line(builder), problem);
}

/* YAML 1.2's core schema, narrowed: only the lower-case true and false are booleans, and there are no floating point numbers. */
json_t *document_plain_scalar(const char *text)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	if (g_strv_contains(nulls, text))
		return json_null();
	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
		return json_boolean(text[0] == 't');
	int base = g_str_has_prefix(text, "0x") ? 16 : g_str_has_prefix(text, "0o") ? 8 : 10;
	const char *sign_or_digits = base == 10 ? text : text + 2;
	const char *digits = sign_or_digits + (base == 10 && (*text == '-' || *text == '+'));
	const char *alphabet = base == 16 ? "0123456789abcdefABCDEF" : base == 8 ? "01234567" : "0123456789";
	size_t length = strlen(digits);
	if (length == 0 || strspn(digits, alphabet) != length)
		return json_string(text);
	errno = 0;
	gint64 number = g_ascii_strtoll(sign_or_digits, NULL, (guint)base);
	return errno == 0 ? json_integer(number) : NULL;
}

/* Takes over `value`. */
static bool add_value(struct builder *builder, json_t *value, GError **error)
{
	if (!value)
		return refuse(builder, error, "a number that does not fit 64 bits (quote it if it is text)");
	struct frame *top = builder->depth > 0 ? &builder->stack[builder->depth - 1] : NULL;
	int line = top && top->key ? top->key_line : event_line(builder);
	if (!is_shared(value))
		g_hash_table_insert(builder->document->lines, json_incref(value), GINT_TO_POINTER(line));
	else if (top && top->key)
		g_hash_table_insert(builder->document->shared_lines, shared_key(top->container, top->key), GINT_TO_POINTER(line));
	if (!top) {
		json_decref(builder->document->root);
		builder->document->root = value;
	} else if (top->key) {
		json_object_set_new(top->container, top->key, value);
		g_clear_pointer(&top->key, g_free);
	} else {
		json_array_append_new(top->container, value);
	}
	return true;
}

static bool awaits_key(const struct builder *builder)
{
	return builder->depth > 0 && json_is_object(builder->stack[builder->depth - 1].container) && !builder->stack[builder->depth - 1].key;
}

static bool take_key(struct builder *builder, const char *text, bool plain, GError **error)
{
	struct frame *top = &builder->stack[builder->depth - 1];
	if (plain && !*text)
		return refuse(builder, error, "a value without a key");
	if (json_object_get(top->container, text)) {
		g_autofree char *shown = g_strescape(text, NULL);
		return fail(error, ERROR_MALFORMED, "%s:%d: %.64s: given twice, first on line %d", builder->document->name, event_line(builder), shown,
		            document_member_line(builder->document, top->container, text));
	}
	top->key = g_strdup(text);
	top->key_line = event_line(builder);
	return true;
}

static bool take_scalar(struct builder *builder, GError **error)
{
	const char *text = (const char *)builder->event.data.scalar.value;
	size_t length = builder->event.data.scalar.length;
	bool plain = builder->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (builder->event.data.scalar.anchor || builder->event.data.scalar.tag)
		return refuse(builder, error, "anchors and tags are not taken");
	if (!g_utf8_validate_len(text, length, NULL)) /* this one refuses NUL too, which "\0" makes */
		return refuse(builder, error, "text holds a NUL character or is not UTF-8");
	if (awaits_key(builder))
		return take_key(builder, text, plain, error);
	return add_value(builder, plain ? document_plain_scalar(text) : json_string(text), error);
}

/* The tree owns the container from add_value on; the frame borrows it. */
static bool open_container(struct builder *builder, bool object, bool decorated, GError **error)
{
	if (decorated)
		return refuse(builder, error, "anchors and tags are not taken");
	if (awaits_key(builder))
		return refuse(builder, error, "a key must be text");
	if (builder->depth == DEPTH_MAX)
		return refuse(builder, error, "nested deeper than 32");
	json_t *container = object ? json_object() : json_array();
	if (!add_value(builder, container, error))
		return false;
	builder->stack[builder->depth++] = (struct frame){ .container = container };
	return true;
}

static bool start_document(struct builder *builder, GError **error)
{
	if (builder->seen_document)
		return refuse(builder, error, "a second document");
	if (builder->event.data.document_start.tag_directives.start != builder->event.data.document_start.tag_directives.end)
		return refuse(builder, error, "anchors and tags are not taken");
	builder->seen_document = true;
	return true;
}

static bool take_event(struct builder *builder, GError **error)
{
	const yaml_event_t *event = &builder->event;
	switch (event->type) {
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return true;
	case YAML_DOCUMENT_START_EVENT:
		return start_document(builder, error);
	case YAML_ALIAS_EVENT:
		return refuse(builder, error, "aliases are not taken");
	case YAML_SCALAR_EVENT:
		return take_scalar(builder, error);
	case YAML_SEQUENCE_START_EVENT:
		return open_container(builder, false, event->data.sequence_start.anchor || event->data.sequence_start.tag, error);
	case YAML_MAPPING_START_EVENT:
		return open_container(builder, true, event->data.mapping_start.anchor || event->data.mapping_start.tag, error);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		builder->depth--;
		return true;
	}
	return refuse(builder, error, "not understood");
}

/* libyaml's own texts are constants and never quote the input, which may be a secret. */
static bool refuse_syntax(const struct builder *builder, GError **error)
{
	const yaml_parser_t *parser = &builder->parser;
	size_t line = parser->error == YAML_READER_ERROR ? parser->mark.line : parser->problem_mark.line;
	return fail(error, ERROR_MALFORMED, "%s:%zu: %s%s%s", builder->document->name, line + 1, parser->context ? parser->context : "",
	            parser->context ? ": " : "", parser->problem ? parser->problem : "not YAML");
}

static bool read_events(struct builder *builder, GError **error)
{
	for (bool more = true; more;) {
		if (!yaml_parser_parse(&builder->parser, &builder->event))
			return refuse_syntax(builder, error);
		more = builder->event.type != YAML_STREAM_END_EVENT;
		bool taken = take_event(builder, error);
		yaml_event_delete(&builder->event);
		if (!taken)
			return false;
	}
	return true;
}

static void unref_value(void *value)
{
	json_decref(value);
}

static struct document *document_new(const char *name, char *folder)
{
	struct document *document = g_new0(struct document, 1);
	document->name = g_strdup(name);
	document->folder = folder;
	document->root = json_null();
	document->lines = g_hash_table_new_full(g_direct_hash, g_direct_equal, unref_value, NULL);
	document->shared_lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return document;
}

static bool fill(struct document *document, const char *text, size_t length, GError **error)
{
	if (length > FILE_MAX_BYTES)
		return fail(error, ERROR_MALFORMED, "%s: more than 64 MiB", document->name);
	struct builder builder = { .document = document };
	if (!yaml_parser_initialize(&builder.parser))
		return fail(error, ERROR_INTERNAL, "out of memory");
	yaml_parser_set_encoding(&builder.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&builder.parser, (const unsigned char *)(text ? text : ""), length);
	bool read = read_events(&builder, error);
	for (int i = 0; i < DEPTH_MAX; i++)
		g_free(builder.stack[i].key);
	yaml_parser_delete(&builder.parser);
	return read;
}

struct document *document_parse(const char *name, const char *text, size_t length, GError **error)
{
	g_autoptr(document_t) document = document_new(name, g_get_current_dir());
	return fill(document, text, length, error) ? g_steal_pointer(&document) : NULL;
}

/* Reads to the end or to one byte above the limit, into a buffer whose earlier copies are wiped: the file may hold secrets. */
static char *read_all(int file, size_t *ret_length)
{
	size_t room = 65536, length = 0;
	char *bytes = g_malloc(room);
	for (;;) {
		ssize_t got = read(file, bytes + length, room - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			wipe(bytes, length);
			g_free(bytes);
			return NULL;
		}
		length += (size_t)got;
		if (got == 0 || length > FILE_MAX_BYTES)
			break;
		if (length == room) {
			char *larger = g_malloc(room * 2);
			memcpy(larger, bytes, length);
			wipe(bytes, length);
			g_free(bytes);
			bytes = larger;
			room *= 2;
		}
	}
	*ret_length = length;
	return bytes;
}

struct document *document_read(const char *path, GError **error)
{
	bool standard = strcmp(path, "-") == 0;
	int file = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	char *text = file < 0 ? NULL : read_all(file, &length);
	int problem = errno;
	if (file >= 0 && !standard)
		close(file);
	if (!text) {
		fail(error, ERROR_MALFORMED, "%s: %s", standard ? "stdin" : path, g_strerror(problem));
		return NULL;
	}
	g_autofree char *absolute = g_canonicalize_filename(path, NULL);
	g_autoptr(document_t) document = document_new(standard ? "stdin" : path, standard ? g_get_current_dir() : g_path_get_dirname(absolute));
	document->may_refer = true;
	bool filled = fill(document, text, length, error);
	wipe(text, length);
	g_free(text);
	return filled ? g_steal_pointer(&document) : NULL;
}

void document_free(struct document *document)
{
	if (!document)
		return;
	json_decref(document->root);
	g_hash_table_destroy(document->lines);
	g_hash_table_destroy(document->shared_lines);
	g_free(document->name);
	g_free(document->folder);
	g_free(document);
}

json_t *document_root(const struct document *document)
{
	return document->root;
}

const char *document_folder(const struct document *document)
{
	return document->folder;
}

const char *document_name(const struct document *document)
{
	return document->name;
}

int document_line(const struct document *document, const json_t *value)
{
	return value && !is_shared(value) ? GPOINTER_TO_INT(g_hash_table_lookup(document->lines, value)) : 0;
}

int document_member_line(const struct document *document, const json_t *parent, const char *key)
{
	const json_t *value = json_object_get(parent, key);
	int line = document_line(document, value);
	if (value && is_shared(value)) {
		g_autofree char *name = shared_key(parent, key);
		line = GPOINTER_TO_INT(g_hash_table_lookup(document->shared_lines, name));
	}
	return line > 0 ? line : document_line(document, parent);
}

void document_note_line(const struct document *document, json_t *value, int line)
{
	if (!is_shared(value) && !g_hash_table_contains(document->lines, value))
		g_hash_table_insert(document->lines, json_incref(value), GINT_TO_POINTER(line));
}

bool document_may_refer(const struct document *document)
{
	return document->may_refer;
}

void document_allow_references(struct document *document)
{
	document->may_refer = true;
}
