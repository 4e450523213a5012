/* A tree as block YAML, by libyaml's emitter. A string stands plain only where nobody, of YAML 1.1 or 1.2, could take it for something else. */
#include "gateway/admin/verbs.h"

#include <string.h>
#include <yaml.h>

static bool word_has_a_meaning(const char *text)
{
	static const char *const words[] = { "null", "true", "false", "yes", "no", "on", "off", "y", "n", NULL };
	for (size_t i = 0; words[i]; i++)
		if (g_ascii_strcasecmp(text, words[i]) == 0)
			return true;
	return false;
}

static bool is_duration(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	return digits > 0 && digits < 18 && text[digits] && strchr("smhd", text[digits]) && !text[digits + 1];
}

static bool may_stand_plain(const char *text)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-./:@+";
	return (g_ascii_isalpha(text[0]) || is_duration(text)) && strspn(text, safe) == strlen(text) && !strstr(text, ": ") &&
	       !g_str_has_suffix(text, ":") && !g_str_has_suffix(text, " ") && !word_has_a_meaning(text);
}

enum scalar { SCALAR_TEXT, SCALAR_WORD }; /* a string; or true, false, null, a number, which quotes would turn into a string */

static bool scalar_write(yaml_emitter_t *emitter, const char *text, enum scalar kind)
{
	yaml_event_t event;
	/* libyaml's API takes unsigned char without const and copies. It falls back from plain to quotes by itself inside [ ], so quotes must be implied too. */
	yaml_char_t *bytes = (yaml_char_t *)(uintptr_t)text;
	bool quoted = kind == SCALAR_TEXT && !may_stand_plain(text);
	yaml_scalar_style_t style = quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE;
	return yaml_scalar_event_initialize(&event, NULL, NULL, bytes, (int)strlen(text), 1, kind == SCALAR_TEXT, style) && yaml_emitter_emit(emitter, &event);
}

static bool value_write(yaml_emitter_t *emitter, const json_t *value);

static bool sequence_write(yaml_emitter_t *emitter, const json_t *list)
{
	yaml_event_t event;
	bool flow = json_array_size(list) == 0 || !json_is_object(json_array_get(list, 0));
	if (!yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, flow ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE) ||
	    !yaml_emitter_emit(emitter, &event))
		return false;
	size_t i;
	json_t *item;
	json_array_foreach(list, i, item) {
		if (!value_write(emitter, item))
			return false;
	}
	return yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static bool mapping_write(yaml_emitter_t *emitter, const json_t *object)
{
	yaml_event_t event;
	if (!yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) || !yaml_emitter_emit(emitter, &event))
		return false;
	for (void *place = json_object_iter((json_t *)(uintptr_t)object); place; place = json_object_iter_next((json_t *)(uintptr_t)object, place)) {
		const char *key = json_object_iter_key(place);
		if (!scalar_write(emitter, key, SCALAR_TEXT) || !value_write(emitter, json_object_iter_value(place)))
			return false;
	}
	return yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static bool value_write(yaml_emitter_t *emitter, const json_t *value)
{
	if (json_is_object(value))
		return mapping_write(emitter, value);
	if (json_is_array(value))
		return sequence_write(emitter, value);
	if (json_is_string(value))
		return scalar_write(emitter, json_string_value(value), SCALAR_TEXT);
	g_autofree char *text = json_dumps(value, JSON_ENCODE_ANY);
	return text && scalar_write(emitter, text, SCALAR_WORD);
}

bool yaml_write(FILE *to, const json_t *root)
{
	yaml_emitter_t emitter;
	yaml_event_t event;
	if (!yaml_emitter_initialize(&emitter))
		return false;
	yaml_emitter_set_output_file(&emitter, to);
	yaml_emitter_set_unicode(&emitter, 1);
	yaml_emitter_set_width(&emitter, -1);
	bool done = yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) && yaml_emitter_emit(&emitter, &event) &&
	            yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) && yaml_emitter_emit(&emitter, &event) && value_write(&emitter, root) &&
	            yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(&emitter, &event) && yaml_stream_end_event_initialize(&event) &&
	            yaml_emitter_emit(&emitter, &event);
	yaml_emitter_delete(&emitter);
	return done;
}
