/* What a user agent says of a device: type, system, browser. Own small rule table: no C library for it is packaged (LIBRARIES.md section 8). */
#pragma once

struct device {
	const char *type;    /* desktop mobile tablet app bot unknown */
	const char *os;      /* "Windows", "macOS", "Linux", "Android", "iOS", "iPadOS", "ChromeOS", or "unknown" */
	char browser[32];    /* "Firefox 128", "Chrome 131", "Safari 17", "curl 7", or "unknown" */
};

struct device device_of(const char *user_agent);
