/* The ways out, opened and closed in their order: documents are fetched by the fetcher. */
#include "gateway/call/ways.h"
#include "providers/fetch_cache.h"
#include "providers/verifier/verifier.h"

bool ways_open(const struct fetch_options *outbound, struct provider_place *ret, GError **error)
{
	*ret = (struct provider_place){ .fetcher = fetcher_new(outbound, error) };
	if (!ret->fetcher)
		return false;
	ret->documents = document_cache_new(ret->fetcher, NULL);
	ret->verifier = verifier_new(&(struct verifier_options){ 0 }, error);
	if (ret->verifier)
		return true;
	ways_close(ret);
	return false;
}

void ways_close(struct provider_place *ways)
{
	verifier_free(ways->verifier);
	document_cache_free(ways->documents);
	fetcher_free(ways->fetcher);
	*ways = (struct provider_place){ 0 };
}
