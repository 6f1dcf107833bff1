# SPDX-License-Identifier: Apache-2.0
# Checks one rule per row on C sources whose paths are given relative to the tree's root: what may be used where, and
# which way includes may point. Prints file:line: [rule] the line. Comments and string literals do not count.

BEGIN {
	# A rule: its name, what it looks for, the only files that may have it, and what it says.
	before = "(^|[^A-Za-z0-9_.>])"
	rule("memory-order", before "(memory_order|_Atomic|atomic_[a-z_]+|__atomic_[a-z_]+|__sync_[a-z_]+)|stdatomic\\.h",
	     "^ipc/", "memory orders and atomics only under ipc/")
	rule("print", before "((printf|vprintf|puts|putchar|perror)[ ]*\\(|v?fprintf[ ]*\\([ ]*std|fputs?c?[ ]*\\(.*std(out|err))",
	     "^engine/(cli|report)/", "printing only under engine/cli and engine/report")
	rule("exit", before "(exit|_exit|_Exit|quick_exit|abort)[ ]*\\(",
	     "^(engine/(cli|report)|ipc/process)/", "ending the program only under engine/cli and engine/report")
	rule("process", before "(v?fork|execl|execle|execlp|execv|execve|execvp|execvpe|fexecve|execveat|posix_spawnp?|" \
	     "kill|killpg|raise|pidfd_send_signal|wait|waitpid|waitid|wait3|wait4|system|popen)[ ]*\\(",
	     "^ipc/process/", "starting, signalling and waiting for processes only under ipc/process")
	rule("dlopen", before "dl(open|mopen|sym|vsym)[ ]*\\(",
	     "^engine/config/module\\.c$", "dlopen only in engine/config/module.c")

	# Which folders of engine/ a folder of engine/ may include from, besides itself and include/. The plan is plain
	# data that everybody reads; who delivers items also works out the conditions in it.
	may["config"] = "graph/plan.h graph/build.h worker/name.h"
	may["graph"] = "config/ run/run.h"
	may["run"] = "graph/plan.h"
	may["report"] = "graph/plan.h run/run.h config/conceal.h config/utf8.h"
	may["ledger"] = "graph/plan.h run/run.h"
	may["worker"] = "graph/plan.h graph/condition.h run/ config/ sandbox/ report/report.h report/text.h " \
		"report/redact.h ledger/ledger.h"
	may["sandbox"] = "graph/plan.h"
	may["supervisor"] = "graph/ config/ run/run.h worker/worker.h report/report.h ledger/ledger.h"
	may["cli"] = "graph/ config/ run/run.h supervisor/supervisor.h worker/worker.h report/"
}

function rule(name, pattern, files, text)
{
	rules++
	rule_name[rules] = name
	rule_pattern[rules] = pattern
	rule_files[rules] = files
	rule_text[rules] = text
}

function complain(name, text)
{
	printf "%s:%d: [%s] %s: %s\n", file, FNR, name, text, $0
	bad = 1
}

# The line without comments and the insides of literals. `in_comment` outlives the line.
function code(line,    out, c, next2, quote)
{
	out = ""
	quote = ""
	while (line != "") {
		c = substr(line, 1, 1)
		next2 = substr(line, 1, 2)
		if (in_comment) {
			if (next2 == "*/") { in_comment = 0; line = substr(line, 3) } else line = substr(line, 2)
		} else if (quote != "") {
			if (c == "\\") line = substr(line, 3)
			else { if (c == quote) { quote = ""; out = out c }; line = substr(line, 2) }
		} else if (next2 == "/*") { in_comment = 1; line = substr(line, 3) }
		else if (next2 == "//") line = ""
		else { if (c == "\"" || c == "'") quote = c; out = out c; line = substr(line, 2) }
	}
	return out
}

# Is `path` named by one of the words, or does it lie in a folder that one names?
function allowed(path, words,    list, n, i)
{
	n = split(words, list, " ")
	for (i = 1; i <= n; i++)
		if (path == list[i] || (list[i] ~ /\/$/ && index(path, list[i]) == 1))
			return 1
	return 0
}

function check_system_include(name)
{
	if (name !~ /^kakehi\//) {
		if (layer == "ipc" && name ~ /^(libfyaml|curl|vips|glib|ares|seccomp|xxhash|openssl|sqlite|microhttpd|zlib)/)
			complain("ipc-libc", "ipc uses nothing but libc")
		return
	}
	if (layer == "ipc" && name ~ /^kakehi\/(stage|option|item|pipeline)\.h$/)
		complain("ipc-engine", "ipc knows nothing of the engine")
	# exec is the stage that starts programs, in one file, by the toolkit's means.
	if (file ~ /^stages\/exec\/child\.[ch]$/ && name ~ /^kakehi\/(process|error)\.h$/)
		return
	if (layer == "stages" && name !~ /^kakehi\/(stage|option)\.h$/)
		complain("stage-engine", "a stage includes kakehi/stage.h and kakehi/option.h alone")
}

function check_own_include(name,    parts)
{
	split(name, parts, "/")
	if (layer == "ipc" && parts[1] ~ /^(config|graph|run|supervisor|worker|ledger|report|cli)$/)
		complain("ipc-engine", "ipc knows nothing of the engine")
	if (layer == "engine" && name ~ /\// && parts[1] != folder && !allowed(name, may[folder]))
		complain("engine-layers", "engine/" folder " may not include that")
	if (layer == "stages" && name ~ /\// && !(name ~ /^\.\.\/[^\/]+\/[^\/]+$/ && is_stage[parts[2]] == ""))
		complain("stage-stage", "a stage sees no other stage")
}

# The first argument is the list of folders under stages/ that hold a stage; the others are sources.
FILENAME == stage_list {
	is_stage[$1] = "yes"
	next
}

FNR == 1 {
	file = FILENAME
	split(file, path, "/")
	layer = path[1]
	folder = path[2]
	in_comment = 0
}

/^[ \t]*#[ \t]*include[ \t]*</ && !in_comment {
	name = $0
	sub(/^[^<]*</, "", name)
	sub(/>.*/, "", name)
	check_system_include(name)
}

/^[ \t]*#[ \t]*include[ \t]*"/ && !in_comment {
	name = $0
	sub(/^[^"]*"/, "", name)
	sub(/".*/, "", name)
	check_own_include(name)
}

{
	line = code($0)
	for (i = 1; i <= rules; i++)
		if (file !~ rule_files[i] && line ~ rule_pattern[i])
			complain(rule_name[i], rule_text[i])
}

END { exit bad }
