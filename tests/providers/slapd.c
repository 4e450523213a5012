/* Starting and ending real directories. */
#include "rig.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <ldap.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_MS 20000

struct slapd rig_slapd = {.with_people = true};
static char *folder;

/* Attributes of Active Directory and 389 that Debian's schema files do not have, or have with more around them. */
static const char schema[] =
	"attributetype ( 1.3.6.1.4.1.99999.1.1 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )\n"
	"attributetype ( 1.3.6.1.4.1.99999.1.2 NAME 'userPrincipalName' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )\n"
	"attributetype ( 1.3.6.1.4.1.99999.1.3 NAME 'objectGUID' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )\n"
	"attributetype ( 1.3.6.1.4.1.99999.1.4 NAME 'userAccountControl' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 )\n"
	"attributetype ( 1.3.6.1.4.1.99999.1.5 NAME 'accountExpires' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 )\n"
	"attributetype ( 1.3.6.1.4.1.99999.1.6 NAME 'nsAccountLock' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )\n"
	"attributetype ( 1.3.6.1.4.1.99999.1.7 NAME 'objectCategory' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )\n"
	"objectclass ( 1.3.6.1.4.1.99999.2.1 NAME 'user' SUP top AUXILIARY MAY ( sAMAccountName $ userPrincipalName $ objectGUID $ userAccountControl $ "
	"accountExpires $ nsAccountLock $ objectCategory ) )\n";

static void file_write(const char *name, const char *text)
{
	assert_true(g_file_set_contents(name, text, -1, NULL));
}

const char *rig_folder(void)
{
	return folder;
}

void rig_open(void)
{
	folder = g_dir_make_tmp("passerelle-ldap-XXXXXX", NULL);
	assert_non_null(folder);
	certificates_make(folder);
	slapd_start(&rig_slapd);
}

static void folder_remove(const char *name)
{
	g_autoptr(GDir) opened = g_dir_open(name, 0, NULL);
	const char *entry;

	while (opened && (entry = g_dir_read_name(opened))) {
		g_autofree char *path = g_build_filename(name, entry, NULL);
		if (g_file_test(path, G_FILE_TEST_IS_DIR) && !g_file_test(path, G_FILE_TEST_IS_SYMLINK))
			folder_remove(path);
		else
			g_unlink(path);
	}
	g_rmdir(name);
}

void rig_close(void)
{
	slapd_stop(&rig_slapd);
	folder_remove(folder);
	g_clear_pointer(&folder, g_free);
}

int rig_free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* Below those that Linux gives to outgoing connections: one of these could have it when a directory comes back to it. */
	do
		address.sin_port = htons((uint16_t)g_random_int_range(10240, 32768));
	while (bind(fd, (struct sockaddr *)&address, sizeof address) != 0);
	close(fd);
	return ntohs(address.sin_port);
}

static void run(const char *const *arguments)
{
	g_autofree char *output = NULL, *errors = NULL;
	int status = 0;

	if (!g_spawn_sync(NULL, (char **)(uintptr_t)arguments, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output, &errors, &status, NULL) || status != 0)
		fail_msg("%s: status %d: %s", arguments[0], status, errors ? errors : "");
}

static char *configuration(const struct slapd *slapd)
{
	GString *text = g_string_new(NULL);
	static const char *const schemas[] = {"core", "cosine", "nis", "inetorgperson"};

	for (size_t i = 0; i < TEST_COUNT(schemas); i++)
		g_string_append_printf(text, "include /etc/ldap/schema/%s.schema\n", schemas[i]);
	g_string_append_printf(text, "include %s/rig.schema\npidfile %s/slapd.pid\nmodulepath /usr/lib/ldap\nmoduleload back_mdb.so\nmoduleload memberof.so\n"
	                             "moduleload ppolicy.so\nthreads 4\n", folder, slapd->folder);
	g_string_append_printf(text, "TLSCACertificateFile %s/ca.pem\nTLSCertificateFile %s/%s.pem\nTLSCertificateKeyFile %s/%s.key\n", folder, folder,
	                       certificate_name(slapd->certificate), folder, certificate_name(slapd->certificate));
	if (slapd->tls_ciphers)
		g_string_append_printf(text, "TLSCipherSuite %s\n", slapd->tls_ciphers);
	if (slapd->allows_anonymous_dn)
		g_string_append(text, "allow bind_anon_dn bind_anon_cred\n");
	if (slapd->refers_to)
		g_string_append_printf(text, "referral %s\n", slapd->refers_to);
	else
		g_string_append_printf(text, "database mdb\nmaxsize 33554432\nsuffix \"" RIG_BASE "\"\nrootdn \"" RIG_ROOT "\"\nrootpw \"" RIG_ROOT_PASSWORD "\"\n"
		                             "directory %s/db\ndbnosync\nindex objectClass,uid,mail,entryUUID,member eq\n"
		                             "access to attrs=userPassword by self write by dn.exact=\"" RIG_SERVICE "\" =xw by anonymous auth by * none\n"
		                             "access to * by dn.exact=\"" RIG_SERVICE "\" read by self read by anonymous auth by * none\n"
		                             "overlay memberof\nmemberof-group-oc groupOfNames\noverlay ppolicy\nppolicy_default \"cn=default,ou=policies," RIG_BASE "\"\nppolicy_use_lockout\n",
		                       slapd->folder);
	g_string_append(text, "database monitor\nrootdn \"cn=Monitor\"\nrootpw monitor\n");
	return g_string_free(text, FALSE);
}

static bool answers(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool connected = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;

	close(fd);
	return connected;
}

/* In the foreground, so that its process is our child. */
static void process_start(struct slapd *slapd)
{
	g_autofree char *urls = g_strdup_printf("ldap://127.0.0.1:%d/ ldaps://127.0.0.1:%d/", slapd->port, slapd->tls_port);
	g_autofree char *file = g_strdup_printf("%s/slapd.conf", slapd->folder);
	int64_t give_up = clock_monotonic_ms() + READY_MS;

	slapd->pid = fork();
	if (slapd->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing outlives a test that was killed */
		int null = open("/dev/null", O_RDWR);
		dup2(null, 0), dup2(null, 1), dup2(null, 2);
		execl("/usr/sbin/slapd", "slapd", "-d", "0", "-f", file, "-h", urls, (char *)NULL);
		_exit(127);
	}
	while (!answers(slapd->port) || !answers(slapd->tls_port)) {
		if (clock_monotonic_ms() > give_up || waitpid(slapd->pid, NULL, WNOHANG) != 0)
			fail_msg("slapd does not start in %s", slapd->folder);
		g_usleep(5000);
	}
}

static void fill(struct slapd *slapd)
{
	g_autofree char *people = people_ldif(), *groups = groups_ldif(), *file = g_strdup_printf("%s/people.ldif", slapd->folder);
	g_autofree char *conf = g_strdup_printf("%s/slapd.conf", slapd->folder);

	file_write(file, people);
	run((const char *const[]){"/usr/sbin/slapadd", "-q", "-f", conf, "-l", file, NULL});
	process_start(slapd);
	slapd_modify(slapd, groups);
}

void slapd_start(struct slapd *slapd)
{
	g_autofree char *schema_file = g_strdup_printf("%s/rig.schema", folder), *pattern = g_strdup_printf("%s/slapd-XXXXXX", folder);

	file_write(schema_file, schema);
	slapd->folder = g_strdup(g_mkdtemp(pattern));
	slapd->port = rig_free_port();
	slapd->tls_port = rig_free_port();
	g_autofree char *text = configuration(slapd), *file = g_strdup_printf("%s/slapd.conf", slapd->folder), *data = g_strdup_printf("%s/db", slapd->folder);
	g_mkdir(data, 0700);
	file_write(file, text);
	if (slapd->with_people)
		fill(slapd);
	else
		process_start(slapd);
}

static void ended(struct slapd *slapd, int signal_number)
{
	if (slapd->pid <= 0)
		return;
	kill(slapd->pid, SIGCONT);
	kill(slapd->pid, signal_number);
	waitpid(slapd->pid, NULL, 0);
	slapd->pid = 0;
}

void slapd_stop(struct slapd *slapd)
{
	ended(slapd, SIGTERM);
	folder_remove(slapd->folder);
	g_clear_pointer(&slapd->folder, g_free);
}

void slapd_kill(struct slapd *slapd)
{
	ended(slapd, SIGKILL);
}

void slapd_freeze(const struct slapd *slapd)
{
	kill(slapd->pid, SIGSTOP);
	waitpid(slapd->pid, NULL, WUNTRACED);
}

void slapd_restart(struct slapd *slapd)
{
	if (slapd->pid == 0)
		process_start(slapd);
}

void slapd_modify(const struct slapd *slapd, const char *ldif)
{
	g_autofree char *file = g_strdup_printf("%s/change.ldif", slapd->folder), *url = g_strdup_printf("ldap://127.0.0.1:%d", slapd->port);

	file_write(file, ldif);
	run((const char *const[]){"ldapmodify", "-a", "-x", "-H", url, "-D", RIG_ROOT, "-w", RIG_ROOT_PASSWORD, "-f", file, NULL});
}

static LDAP *monitor_open(const struct slapd *slapd)
{
	g_autofree char *url = g_strdup_printf("ldap://127.0.0.1:%d", slapd->port);
	struct berval password = {.bv_len = 7, .bv_val = (char *)(uintptr_t)"monitor"};
	int version = LDAP_VERSION3;
	LDAP *handle = NULL;

	assert_int_equal(ldap_initialize(&handle, url), LDAP_SUCCESS);
	ldap_set_option(handle, LDAP_OPT_PROTOCOL_VERSION, &version);
	assert_int_equal(ldap_sasl_bind_s(handle, "cn=Monitor", LDAP_SASL_SIMPLE, &password, NULL, NULL, NULL), LDAP_SUCCESS);
	return handle;
}

/* Each asking is a bind and a search of its own. */
uint64_t slapd_operations(const struct slapd *slapd)
{
	static uint64_t own;
	char *attributes[] = {(char *)(uintptr_t)"monitorOpInitiated", NULL};
	LDAP *handle = monitor_open(slapd);
	LDAPMessage *found = NULL;
	uint64_t sum = 0;

	assert_int_equal(ldap_search_ext_s(handle, "cn=Operations,cn=Monitor", LDAP_SCOPE_ONELEVEL, "(|(cn=Bind)(cn=Search)(cn=Extended))", attributes, 0, NULL, NULL,
	                                   NULL, 0, &found), LDAP_SUCCESS);
	for (LDAPMessage *entry = ldap_first_entry(handle, found); entry; entry = ldap_next_entry(handle, entry)) {
		struct berval **values = ldap_get_values_len(handle, entry, "monitorOpInitiated");
		sum += values && values[0] ? g_ascii_strtoull(values[0]->bv_val, NULL, 10) : 0;
		ldap_value_free_len(values);
	}
	ldap_msgfree(found);
	ldap_unbind_ext_s(handle, NULL, NULL);
	own += 2;
	return sum - own;
}
