/* Starting and ending slapd: see directory.h. */
#include "directory.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLAPD "/usr/sbin/slapd"
#define SLAPADD "/usr/sbin/slapadd"
#define SLAPPASSWD "/usr/sbin/slappasswd"
#define ARGON2 "/usr/lib/ldap/argon2.so"

bool directory_installed(void)
{
	g_autofree char *openssl = g_find_program_in_path("openssl");
	return openssl && g_access(SLAPD, X_OK) == 0 && g_access(SLAPADD, X_OK) == 0 && g_access(ARGON2, R_OK) == 0;
}

static char *within(const struct directory *directory, const char *name)
{
	return g_build_filename(directory->folder, name, NULL);
}

static void write_file(const struct directory *directory, const char *name, const char *text)
{
	g_autofree char *path = within(directory, name);
	if (!g_file_set_contents(path, text, -1, NULL))
		g_error("cannot write %s", path);
}

/* What it printed. */
static char *run(const char *const *words)
{
	g_autofree char *errors = NULL;
	char *out = NULL;
	int status = 0;
	if (!g_spawn_sync(NULL, (char **)(uintptr_t)words, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &errors, &status, NULL) || status)
		g_error("%s: status %d: %s", words[0], status, errors ? errors : "");
	return out;
}

static void make_certificate(const struct directory *directory)
{
	g_autofree char *key = within(directory, "key.pem");
	g_free(run((const char *const[]){ "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=slapd",
		"-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", directory->certificate, NULL }));
}

static void configure(const struct directory *directory)
{
	const char *folder = directory->folder;
	g_autofree char *text = g_strdup_printf("include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\ninclude /etc/ldap/schema/inetorgperson.schema\n"
		"modulepath /usr/lib/ldap\nmoduleload back_mdb.so\nmoduleload argon2.so\nTLSCACertificateFile %s/cert.pem\nTLSCertificateFile %s/cert.pem\nTLSCertificateKeyFile %s/key.pem\n"
		"database mdb\nmaxsize 33554432\nsuffix \"" DIRECTORY_BASE "\"\ndirectory %s/data\ndbnosync\nindex objectClass,uid,mail eq\n"
		"access to attrs=userPassword by anonymous auth by * none\naccess to * by dn.exact=\"" DIRECTORY_SERVICE "\" read by anonymous auth by * none\n",
		folder, folder, folder, folder);
	write_file(directory, "slapd.conf", text);
}

static char *person(const char *name, const char *password)
{
	return g_strdup_printf("dn: cn=%s," DIRECTORY_BASE "\nobjectClass: inetOrgPerson\ncn: %s\nsn: %s\nuid: %s\nmail: %s@corp.example\nuserPassword: %s\n\n", name, name, name, name,
		name, password);
}

static void fill(const struct directory *directory, const char *password)
{
	g_autofree char *data = within(directory, "data"), *file = within(directory, "people.ldif"), *configuration = within(directory, "slapd.conf");
	g_autofree char *hash = run((const char *const[]){ SLAPPASSWD, "-o", "module-load=" ARGON2, "-h", "{ARGON2}", "-n", "-s", password, NULL });
	g_autofree char *clear = person(DIRECTORY_CLEAR, password), *hashed = person(DIRECTORY_HASHED, hash);
	g_autofree char *text = g_strdup_printf("dn: " DIRECTORY_BASE "\nobjectClass: dcObject\nobjectClass: organization\ndc: corp\no: Corp\n\n"
		"dn: " DIRECTORY_SERVICE "\nobjectClass: person\nobjectClass: simpleSecurityObject\ncn: passerelle\nsn: passerelle\nuserPassword: " DIRECTORY_SERVICE_PASSWORD "\n\n"
		"%s%s", clear, hashed);
	g_mkdir(data, 0700);
	write_file(directory, "people.ldif", text);
	g_free(run((const char *const[]){ SLAPADD, "-q", "-f", configuration, "-l", file, NULL }));
}

static bool answers(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool connected = !connect(fd, (struct sockaddr *)&address, sizeof address);
	close(fd);
	return connected;
}

static void launch(struct directory *directory, int cpu, uint16_t port)
{
	g_autofree char *configuration = within(directory, "slapd.conf"), *url = g_strconcat(directory->url, "/", NULL);
	int64_t began = now_ns();
	directory->process = fork();
	if (directory->process == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pin(cpu);
		execl(SLAPD, "slapd", "-d", "0", "-f", configuration, "-h", url, (char *)NULL);
		_exit(127);
	}
	while (!answers(port)) {
		if (waitpid(directory->process, NULL, WNOHANG) || now_ns() - began > INT64_C(20000000000))
			g_error("slapd does not start in %s", directory->folder);
		g_usleep(5000);
	}
}

void directory_start(struct directory *directory, const char *where, int cpu, const char *password)
{
	uint16_t port = free_port();
	directory->folder = g_build_filename(where, "slapd-bench-XXXXXX", NULL);
	if (!g_mkdtemp(directory->folder))
		g_error("cannot make a folder in %s", where);
	directory->url = g_strdup_printf("ldap://127.0.0.1:%u", port);
	directory->certificate = within(directory, "cert.pem");
	make_certificate(directory);
	configure(directory);
	fill(directory, password);
	launch(directory, cpu, port);
}

void directory_stop(struct directory *directory)
{
	kill(directory->process, SIGTERM);
	waitpid(directory->process, NULL, 0);
	remove_tree(directory->folder);
	g_free(directory->folder);
	g_free(directory->url);
	g_free(directory->certificate);
}
