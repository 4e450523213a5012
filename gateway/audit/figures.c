/* Counters beside the connection log. A sign-in is rare enough to take a lock for its provider's name; everything else is one addition. */
#include "gateway/audit/figures.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define RESULTS (AUDIT_OK + 1)
enum {
	EVENTS = 0
#define EVENT(name, text, durable, sentence) +1
#include "gateway/audit/events.def"
#undef EVENT
};

static _Atomic uint64_t counts[EVENTS][RESULTS];

struct provider_count {
	char name[64];
	uint64_t results[RESULTS];
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all below */
static struct provider_count providers[PROVIDERS_NAMED_MAX + 1]; /* the first: "" */
static size_t provider_count = 1;

static struct provider_count *provider_find(const char *name)
{
	for (size_t i = 0; i < provider_count; i++)
		if (strcmp(providers[i].name, name) == 0)
			return &providers[i];
	if (provider_count == G_N_ELEMENTS(providers))
		return &providers[0];
	g_strlcpy(providers[provider_count].name, name, sizeof providers[0].name);
	return &providers[provider_count++];
}

void figures_note(const struct audit_facts *facts)
{
	atomic_fetch_add_explicit(&counts[facts->event][facts->result], 1, memory_order_relaxed);
	if (facts->event != EVENT_LOGIN)
		return;
	pthread_mutex_lock(&lock);
	provider_find(facts->provider ? facts->provider : "")->results[facts->result]++;
	pthread_mutex_unlock(&lock);
}

uint64_t figures_event(enum audit_event event, enum audit_result result)
{
	return atomic_load_explicit(&counts[event][result], memory_order_relaxed);
}

void figures_logins(void (*each)(const char *provider, enum audit_result result, uint64_t count, void *data), void *data)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < provider_count; i++)
		for (size_t result = 0; result < RESULTS; result++)
			if (providers[i].results[result])
				each(providers[i].name, (enum audit_result)result, providers[i].results[result], data);
	pthread_mutex_unlock(&lock);
}
