/* The whole reading of SAML, for its three targets: nobody has the key of this certificate, so nothing that is read with it may ever be good; metadata may, and then it is in its bounds. */
#pragma once
#include "providers/verifier/saml_check.h"
#include "providers/verifier/saml_form.h"
#include "tests/fuzz/fuzz.h"

static const char *const certificates[] = {
	"MIIDATCCAemgAwIBAgIUf+22+YveHo/+u0RvUnmysXLi9rswDQYJKoZIhvcNAQELBQAwDzENMAsGA1UEAwwEZnV6ejAgFw0yNjExMjQxODIwMzNaGA8yMTI2MTAzMTE4MjAzM1owDzEN"
	"MAsGA1UEAwwEZnV6ejCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAMC6vlmYu0pGKjOiazUh2txZz4RWVe06FTTIqwPlm5Oh1po9B5UG7yA89CbvCuXWFr/SRFKIwjtRSFfb"
	"O9xnLpJdXCZCkgyC9sWnU2vifshexW/T/RHqCJC98rURld3bTfVcnoAYFGUdDDqFwsq9Lu/te3VFGYhDWfwNi5UL4K8tZH+0YmZGhrxPkDuDAp5YSY50poR5Su0cPLfTAAgoainTMS1k"
	"XSCnn6eFNaGvJCZcteZM9ThAICtRRi8Qy/wn3G2hjb4tfrxM9jdcj7XdaaM9WJHIYS7gxhrbUsz47agbgJQloV6TZW5ZneBN2+E8k/YIItdnp2b2tAgZlBZxMPcCAwEAAaNTMFEwHQYD"
	"VR0OBBYEFK8/bCVYk7z+ADxV+rHHqkQd5jQhMB8GA1UdIwQYMBaAFK8/bCVYk7z+ADxV+rHHqkQd5jQhMA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADggEBAAkGeIikFMW8"
	"/IFJY/23KWIBPW9zAY+cCZgaaj2l538XsSwn0/PrCRGSmrg6vGNVWNl+KdsklFkbJp0zJw7o/tUV46wRit0Hrt5Oo6XuschtGklqWJsJ8hHmNpyl6MqTlHwRuXnIxGVx5ikUwWitWPiN"
	"n19ZEAlpE3312FaszmyDVnpnJycTSQArqJBh9RZuT3xZqRV//0CQ9f78pQbRBuaQ5vDiwlNZo92RwKBY1FMZX7vekxJqYse3HfDmfdNZF+6ae/+WXNSc+9aYO6OcrljEaZ4CX32Ckpgk"
	"eSj3gRIVUkMy2SaEAHIcktyUxDw/2odaUSEfgurFHOWOSXuIcmU=",
	NULL,
};

static inline void start_once(void)
{
	g_assert(saml_library_start());
}

static inline bool is_ok(const json_t *answer)
{
	const char *result = json_string_at(answer, "result");
	g_assert(result && json_array_size(json_object_get(answer, "checks")) > 0);
	return strcmp(result, "ok") == 0;
}

/* What the child says must fit into the record, whatever it was given, and come out of it as it went in. */
static inline void check_form(const json_t *answer, const struct form_row *form)
{
	g_autoptr(record_t) record = record_new();
	saml_form_write(answer, form, record);
	g_autoptr(GByteArray) encoded = record_encode(record, RECORD_ANSWER_MAX);
	g_assert(encoded);
	g_autoptr(record_t) decoded = record_decode(encoded->data, encoded->len, RECORD_ANSWER_MAX, NULL);
	g_assert(decoded);
	g_autoptr(json_t) read = saml_form_read(decoded, form);
	g_assert(read && is_ok(read) == is_ok(answer));
}

static const struct saml_trust saml_fuzz_trust G_GNUC_UNUSED = {.provider = "t/p", .idp_entity_id = "https://idp.example/metadata", .certificates = certificates,
	.entity_id = "https://login.acme.example/saml/okta/metadata", .now_ms = 1789997600000, .skew_ms = 60000};
