/* SPDX-License-Identifier: Apache-2.0 */
/* bench-ring [--quick] [--only SECTION] [--python SCRIPT] - called by bench/ring. */
#include "rings.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct section {
	const char *name;
	int (*run)(const struct options *options);
	const char *what;
} sections[] = {
    {"alone", section_alone, "what a hop costs when nobody disturbs"},
    {"handles", section_handles, "8-byte handles from process to process"},
    {"payload", section_payload, "64 B, 4 KiB and 1 MiB, written and read"},
    {"latency", section_latency, "half a round trip"},
    {"heir", section_heir, "from a worker's death to its item being worked on again"},
    {"kills", section_kills, "throughput with a kill every 50 ms"},
    {"parked", section_parked, "CPU time of 64 parked workers"},
};
#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

static int usage(void)
{
	fprintf(stderr, "usage: bench-ring [--quick] [--only SECTION] [--python SCRIPT]\nsections:\n");
	for (size_t i = 0; i < SECTIONS; i++)
		fprintf(stderr, "  %-8s %s\n", sections[i].name, sections[i].what);
	return 2;
}

static int run_sections(const struct options *options, const char *only)
{
	bool found = false;
	for (size_t i = 0; i < SECTIONS; i++) {
		if (only && strcmp(only, sections[i].name) != 0)
			continue;
		found = true;
		if (sections[i].run(options) < 0) {
			fprintf(stderr, "bench-ring: %s could not be measured here\n", sections[i].name);
			return 1;
		}
		fflush(stdout);
	}
	if (!found)
		return usage();
	return any_mismatch ? 1 : 0;
}

int main(int argc, char **argv)
{
	/* The heir's program lies beside this one. */
	static char self[4096], heir[sizeof(self) + 8];
	struct options options = {.heir = heir};
	const char *only = NULL;
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 1;
	snprintf(heir, sizeof(heir), "%s-heir", self);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--quick") == 0)
			options.quick = true;
		else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
			only = argv[++i];
		else if (strcmp(argv[i], "--python") == 0 && i + 1 < argc)
			options.python = argv[++i];
		else
			return usage();
	}
	if (*rivals_missing)
		printf("not built:%s\n", rivals_missing);
	return run_sections(&options, only);
}
