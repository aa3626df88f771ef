#!/bin/sh
# chef.sh: reports a build to Chef, for machines with sh and curl and without Python.
#
#   CHEF_URL=https://chef.example.com sh chef.sh run --project web -- make
#
# Nothing fails because it cannot be sent: the command runs, and its exit status is ours.
# Our own variables begin with chef_: the command may be given variables of any other name, and gets them as
# they are.
chef_version=0

about() {
  cat <<'END'
usage: chef.sh run [options] -- COMMAND...   run a command and report its output and its end
       chef.sh phase NAME [MESSAGE]          say which phase the build is in
       chef.sh progress PERCENT [MESSAGE]    say how far it is
       chef.sh log - | TEXT                  add standard input, or a line, to the log
       chef.sh artifact NAME URL             name something that the build has made
       chef.sh done [MESSAGE]                end the job: completed
       chef.sh fail [MESSAGE]                end the job: failed
       chef.sh cancel [MESSAGE]              end the job: cancelled
       chef.sh exit STATUS [MESSAGE]         end the job by an exit status
       chef.sh --version | --help

options: --url URL, --project ID, --job ID, --phase NAME (run), --step (run: the job goes on),
         --meta KEY=VALUE (run: describe the build), --linger SECONDS (run: wait this long at most for the rest),
         --quiet

CHEF_URL, CHEF_TOKEN, CHEF_PROJECT and CHEF_JOB say where to report; in GitHub Actions, GitLab CI,
Buildkite, CircleCI, Jenkins, Heroku and Woodpecker project and job are found by themselves.

What chef.py can do and chef.sh cannot:
- no terminal for the command: it sees pipes, so programs may print without colours;
- a signal that is sent to chef.sh alone is noticed when the command has ended (Ctrl-C, and what is sent
  to the process group, reaches the command as usual);
- nothing in the output is taken for a marker: no phases or percents from it;
- values of variables named *TOKEN*, *SECRET*, *PASSWORD* or *KEY* are masked, but not in base64;
- output is sent about once a second, as text without NUL bytes;
- what waits for a server is kept in a file without a limit.
END
}

say() { printf 'chef: %s\n' "$*" >&2; }

misuse() { say "$*"; exit 2; }

# (ci.sh)

# Where reports go: chef_url, chef_job, chef_project; a folder of ours with what curl is told about the token.
find_target() {
  detect
  chef_url=${chef_url:-${CHEF_URL-}} chef_url=${chef_url%/}
  chef_job=${chef_job:-${CHEF_JOB-}} chef_project=${chef_project:-${CHEF_PROJECT-}}
  chef_is_found=''
  [ -n "$chef_job" ] || { chef_job=$(as_id "$chef_found_job"); chef_is_found=$chef_job; }
  [ -n "$chef_project" ] || chef_project=$(as_id "${chef_found_project:-$(last_part "$PWD")}")
  [ -n "$chef_project" ] || chef_project=build
  if [ -z "$chef_job" ]; then
    [ "$1" = run ] || { say "CHEF_JOB is not set: which job is this?"; exit 0; }
    chef_job=$(date -u +%Y%m%d-%H%M%S)-$$
  fi
  if [ -z "$chef_url" ]; then
    [ -n "$chef_quiet" ] || say "CHEF_URL is not set: nothing is reported"
    return 1
  fi
  command -v curl >/dev/null 2>&1 || { say "there is no curl: nothing is reported"; return 1; }
  chef_folder=$(mktemp -d 2>/dev/null) || { say "no folder for temporary files: nothing is reported"; return 1; }
  trap 'rm -rf "$chef_folder"' EXIT
  (umask 077; : > "$chef_folder/curl"
   [ -z "${CHEF_TOKEN-}" ] || printf 'header = "Authorization: Bearer %s"\n' "$CHEF_TOKEN" > "$chef_folder/curl")
  [ -z "$chef_is_found" ] || choose_job "$1"
  chef_api=$chef_url/api/jobs/$chef_job
}

# The seconds until chef_until, and a few in any case.
left() {
  chef_left=$((chef_until - $(date +%s)))
  [ "$chef_left" -ge 2 ] || chef_left=2
  echo "$chef_left"
}

# ask PATH [curl's options]: one request, in not much time. Its output is curl's complaint.
ask() {
  chef_ask_path=$1; shift
  curl -sS -f -o /dev/null --connect-timeout 3 --max-time 5 -A "chef.sh/$chef_version" -K "$chef_folder/curl" "$@" \
    ${chef_until:+--max-time "$(left)"} "$chef_api/$chef_ask_path" 2>&1
}

# report PATH [curl's options]: the same, and one line where it did not arrive. Never fails.
report() {
  if ! chef_complaint=$(ask "$@"); then say "did not arrive: $chef_complaint"; fi
}

# --- run ------------------------------------------------------------------------------------

# Lines without secrets. `mask part`: of a line that has no end yet, without its last characters where they may begin
# a secret; their number goes to the file held.
mask() {
  LC_ALL=C awk -v held_file="${1:+$chef_folder/held}" '
    BEGIN {
      for (name in ENVIRON) {
        if (toupper(name) !~ /TOKEN|SECRET|PASSWORD|KEY/) continue
        count = split(ENVIRON[name], part, /[\r\n]+/)
        for (i = 1; i <= count; i++) if (length(part[i]) >= 6) secret[++secrets] = part[i]
      }
      # The longest first: one may be a part of another.
      for (i = 2; i <= secrets; i++)
        for (j = i; j > 1 && length(secret[j]) > length(secret[j - 1]); j--) {
          kept = secret[j]; secret[j] = secret[j - 1]; secret[j - 1] = kept
        }
    }
    {
      line = $0
      for (i = 1; i <= secrets; i++) {
        done = ""
        while ((at = index(line, secret[i])) > 0) {
          done = done substr(line, 1, at - 1) "***"
          line = substr(line, at + length(secret[i]))
        }
        line = done line
      }
      if (held_file == "") { print line; next }
      held = 0
      for (i = 1; i <= secrets; i++)
        for (n = length(secret[i]) - 1; n > held; n--)
          if (n <= length(line) && substr(line, length(line) - n + 1) == substr(secret[i], 1, n)) held = n
      printf "%s", substr(line, 1, length(line) - held)
      print held > held_file
    }'
}

# The same of a text.
masked() { printf '%s\n' "$1" | mask; }

# The same of a phase's name, in the characters that it may have.
masked_phase() { masked "$1" | sed 's/[*][*][*]/---/g'; }

size_of() { wc -c < "$1" | tr -d ' '; }

# gather STREAM: move the whole lines that have come since the last time to what is to be sent.
gather() {
  chef_taken=$(cat "$chef_folder/$1.taken")
  chef_lines=$(tail -c "+$((chef_taken + 1))" "$chef_folder/$1.raw" | wc -l)
  [ "$chef_lines" -gt 0 ] || { gather_part "$1"; return 0; }
  tail -c "+$((chef_taken + 1))" "$chef_folder/$1.raw" | head -n "$chef_lines" > "$chef_folder/$1.new"
  mask < "$chef_folder/$1.new" >> "$chef_folder/$1.masked"
  echo "$((chef_taken + $(size_of "$chef_folder/$1.new")))" > "$chef_folder/$1.taken"
}

# The same with a line that has no end after a second, such as a question or dots.
gather_part() {
  chef_size=$(size_of "$chef_folder/$1.raw") chef_now=$(date +%s)
  [ "$chef_size" -gt "$chef_taken" ] || return 0
  read -r chef_open chef_since 2>/dev/null < "$chef_folder/$1.open" || chef_open=''
  [ "$chef_open" = "$chef_taken" ] || { echo "$chef_taken $chef_now" > "$chef_folder/$1.open"; return 0; }
  [ "$((chef_now - chef_since))" -ge 1 ] || return 0
  tail -c "+$((chef_taken + 1))" "$chef_folder/$1.raw" | head -c "$((chef_size - chef_taken))" | mask part >> "$chef_folder/$1.masked"
  chef_taken=$((chef_size - $(cat "$chef_folder/held")))
  echo "$chef_taken" > "$chef_folder/$1.taken"
  echo "$chef_taken $chef_now" > "$chef_folder/$1.open"
}

# place_of STREAM: how far the server is in it; fails where it does not say.
place_of() {
  chef_place=$(curl -sS -f -I --connect-timeout 3 --max-time 5 -K "$chef_folder/curl" ${chef_until:+--max-time "$(left)"} "$chef_api/logs?stream=$1" 2>/dev/null |
    tr -d '\r' | sed -n 's/^[Uu]pload-[Oo]ffset: *//p')
  [ -n "$chef_place" ] && echo "$chef_place"
}

# send STREAM: send what was gathered and has not arrived. `chef_base` is where our part of it begins.
send() {
  chef_sent=$(cat "$chef_folder/$1.sent") chef_have=$(size_of "$chef_folder/$1.masked")
  [ "$chef_have" -gt "$chef_sent" ] || return 0
  if [ ! -s "$chef_folder/$1.base" ]; then
    place_of "$1" > "$chef_folder/$1.base" || { : > "$chef_folder/$1.base"; return 1; }
  fi
  chef_base=$(cat "$chef_folder/$1.base")
  tail -c "+$((chef_sent + 1))" "$chef_folder/$1.masked" | head -c "$((chef_have - chef_sent))" > "$chef_folder/$1.part"
  if chef_complaint=$(ask "logs?stream=$1&projectId=$chef_project&offset=$((chef_base + chef_sent))" \
    --max-time 20 -H 'Content-Type: text/plain' -T "$chef_folder/$1.part"); then
    echo "$chef_have" > "$chef_folder/$1.sent"
    return 0
  fi
  echo "$chef_complaint" > "$chef_folder/complaint"
  chef_place=$(place_of "$1") || return 1
  # Whatever of it has arrived is not sent again.
  [ "$chef_place" -lt "$((chef_base + chef_sent))" ] || [ "$chef_place" -gt "$((chef_base + chef_have))" ] || echo "$((chef_place - chef_base))" > "$chef_folder/$1.sent"
  return 1
}

# In the background: sends until it is stopped, less often while nobody answers.
send_on_and_on() {
  chef_pause=1
  while [ ! -e "$chef_folder/stop" ]; do
    sleep "$chef_pause"
    # Not to be stopped within this: `finish` waits while the file is there.
    : > "$chef_folder/busy"
    [ -e "$chef_folder/stop" ] || { gather stdout; gather stderr; }
    rm -f "$chef_folder/busy"
    if send stdout && send stderr; then chef_pause=1; elif [ "$chef_pause" -lt 10 ]; then chef_pause=$((chef_pause + 1)); fi
  done
}

# claim STREAM: what it adds up to, as JSON; nothing where a part of it is not ours.
claim() {
  [ "$(cat "$chef_folder/$1.base")" = 0 ] || return 0
  printf '"%s":{"bytes":%s,"lines":%s}' "$1" "$(size_of "$chef_folder/$1.masked")" "$(wc -l < "$chef_folder/$1.masked" | tr -d ' ')"
}

is_running() { kill -0 "$1" 2>/dev/null; }

short_pause() { sleep 0.2 2>/dev/null || sleep 1; }

run() {
  for chef_stream in stdout stderr; do
    mkfifo "$chef_folder/$chef_stream" || { say "no named pipes here: nothing is reported"; (exec "$@"); return $?; }
    : > "$chef_folder/$chef_stream.raw"; : > "$chef_folder/$chef_stream.masked"; : > "$chef_folder/$chef_stream.base"
    echo 0 > "$chef_folder/$chef_stream.taken"; echo 0 > "$chef_folder/$chef_stream.sent"
  done
  # Two names of one place: one pipe for both keeps their order.
  chef_one_pipe=''
  # shellcheck disable=SC3013 # a shell without it takes them for two places
  if { [ /dev/fd/1 -ef /dev/fd/3 ] 2>/dev/null; } 3>&2; then chef_one_pipe=1; fi
  [ -n "$chef_quiet" ] || say "$chef_url/jobs/$chef_job"
  [ -n "$chef_step" ] || whole_kind "$@"
  [ -z "$chef_own_meta" ] || write_own_meta
  chef_begun=$(begin_fields) || :
  # Busy until the beginning is told: a short command's end does not overtake it.
  : > "$chef_folder/busy"
  (eval "ask progress $chef_begun" > "$chef_folder/complaint" 2>&1; rm -f "$chef_folder/busy"; exec > "$chef_folder/noise" 2>&1; send_on_and_on) \
    < /dev/null > /dev/null 2>&1 &
  chef_sender=$!
  # A command that is ended by a signal for all of us may write a last word: that is its output, too.
  (trap '' INT TERM HUP QUIT; exec tee "$chef_folder/stdout.raw" < "$chef_folder/stdout") & chef_out=$!
  chef_err=$chef_out
  [ -n "$chef_one_pipe" ] || { (trap '' INT TERM HUP QUIT; exec tee "$chef_folder/stderr.raw" < "$chef_folder/stderr" >&2) & chef_err=$!; }
  # The shell stays to report how it ended.
  chef_stopped=''
  trap : HUP QUIT
  trap 'chef_stopped=1' INT TERM
  # Python would keep its output back in a pipe.
  export PYTHONUNBUFFERED="${PYTHONUNBUFFERED-1}"
  # By exec: a function or a builtin of the shell may have its name.
  if [ -n "$chef_one_pipe" ]; then (exec "$@") > "$chef_folder/stdout" 2>&1
  else (exec "$@") > "$chef_folder/stdout" 2> "$chef_folder/stderr"
  fi
  chef_status=$?
  # A process that the command left behind may hold the pipes: it is not waited for long.
  chef_tries=0
  while { is_running "$chef_out" || is_running "$chef_err"; } && [ "$chef_tries" -lt 10 ]; do short_pause; chef_tries=$((chef_tries + 1)); done
  kill -PIPE "$chef_out" "$chef_err" 2>/dev/null
  trap 'kill "$chef_sender" 2>/dev/null; exit "$chef_status"' INT TERM HUP QUIT
  : > "$chef_folder/stop"
  finish
  return "$chef_status"
}

# shellcheck disable=SC2016 # it is evaluated where it is used
begin_fields() {
  printf '%s' '-d projectId="$chef_project" --data-urlencode phase="$(masked_phase "$chef_phase")"'
  for chef_one in branch commit author title kind run repository number url=address pullRequest=pull; do
    chef_name=${chef_one%=*} chef_one=${chef_one#*=}
    eval "chef_value=\$chef_$chef_one"
    # What the user says of the build wins.
    case $chef_own_meta in *"
$chef_name="*) continue ;; esac
    [ -z "$chef_value" ] || printf ' --data-urlencode meta.%s="$(masked "$chef_%s")"' "$chef_name" "$chef_one"
  done
  [ -z "$chef_own_meta" ] || printf '%s' ' -K "$chef_folder/meta"'
}

# The user's own meta as curl reads it from a file.
write_own_meta() {
  masked "$chef_own_meta" | sed -n 's/\\/\\\\/g; s/"/\\"/g; s/^\(..*\)$/data-urlencode = "meta.\1"/p' > "$chef_folder/meta"
}

# The rest of the output and the end, within the time that there is.
finish() {
  chef_until=$(($(date +%s) + chef_linger))
  while [ -e "$chef_folder/busy" ] && is_running "$chef_sender" && [ "$(date +%s)" -lt "$chef_until" ]; do short_pause; done
  kill "$chef_sender" 2>/dev/null
  for chef_stream in stdout stderr; do
    gather "$chef_stream"
    # The last line may have no end.
    tail -c "+$(($(cat "$chef_folder/$chef_stream.taken") + 1))" "$chef_folder/$chef_stream.raw" | mask >> "$chef_folder/$chef_stream.masked"
  done
  while :; do
    if send stdout && send stderr; then break; fi
    [ "$(date +%s)" -lt "$((chef_until - 2))" ] || break
    sleep 1
  done
  chef_complaint=$(end) || echo "$chef_complaint" > "$chef_folder/complaint"
  chef_missing=$(($(size_of "$chef_folder/stdout.masked") - $(cat "$chef_folder/stdout.sent")))
  chef_missing=$((chef_missing + $(size_of "$chef_folder/stderr.masked") - $(cat "$chef_folder/stderr.sent")))
  if [ "$chef_missing" -gt 0 ] || [ -n "$chef_complaint" ]; then
    say "did not arrive: $chef_missing bytes of output${chef_complaint:+, the end of the job} ($(cat "$chef_folder/complaint"))"
  fi
}

end() {
  [ -z "$chef_step" ] || return 0
  # Of a command that has said nothing that can be compared as well.
  [ -s "$chef_folder/stdout.base" ] || [ -s "$chef_folder/stderr.base" ] || [ -s "$chef_folder/complaint" ] ||
    place_of stdout > "$chef_folder/stdout.base" || :
  chef_claims=$(claim stdout) chef_more=$(claim stderr)
  chef_claims=$chef_claims${chef_claims:+${chef_more:+,}}$chef_more
  # A command that somebody has stopped did not fail, whatever it made of that.
  if [ -n "$chef_stopped" ] && [ "$chef_status" -ne 0 ]; then
    ask cancelled -H 'Content-Type: application/json' \
      -d "{\"projectId\":\"$chef_project\"${chef_claims:+,\"integrity\":{$chef_claims\}}}"
    return
  fi
  ask exit -H 'Content-Type: application/json' \
    -d "{\"projectId\":\"$chef_project\",\"code\":$chef_status${chef_claims:+,\"integrity\":{$chef_claims\}}}"
}

# --- log - ----------------------------------------------------------------------------------

# In the background: adds to the log what has come, until all of it is there or a part did not arrive.
# Each part is a file, so that whoever writes slowly is no stalled upload and a stalled upload ends.
add_on_and_on() {
  chef_last=''
  while [ -z "$chef_last" ] && is_running "$$"; do
    [ ! -e "$chef_folder/stop" ] || chef_last=1
    gather stdout
    # The last line may have no end.
    [ -z "$chef_last" ] || tail -c "+$(($(cat "$chef_folder/stdout.taken") + 1))" "$chef_folder/stdout.raw" | mask >> "$chef_folder/stdout.masked"
    if [ -s "$chef_folder/stdout.masked" ]; then
      ask "logs?projectId=$chef_project" --max-time 60 --speed-limit 1 --speed-time 10 \
        -H 'Content-Type: text/plain' -T "$chef_folder/stdout.masked" > "$chef_folder/complaint" || return 1
      : > "$chef_folder/stdout.masked"
    fi
    [ -n "$chef_last" ] || [ -e "$chef_folder/stop" ] || short_pause
  done
}

# Standard input to the log, while it comes. The program that writes it never waits for the server.
log_input() {
  : > "$chef_folder/stdout.raw"; : > "$chef_folder/stdout.masked"; echo 0 > "$chef_folder/stdout.taken"
  add_on_and_on < /dev/null > /dev/null 2>&1 &
  chef_sender=$!
  cat > "$chef_folder/stdout.raw"
  : > "$chef_folder/stop"
  wait "$chef_sender" || say "did not arrive: $(cat "$chef_folder/complaint")"
}

# --- the command line -----------------------------------------------------------------------

# shellcheck disable=SC2034
chef_url='' chef_job='' chef_project='' chef_phase=building chef_step='' chef_linger=10 chef_quiet='' chef_status=0 chef_until='' chef_own_meta=''
chef_command_name=${1-}
[ $# -eq 0 ] || shift
case $chef_command_name in
  run | phase | progress | log | artifact | done | fail | cancel | exit) ;;
  -h | --help | help) about; exit 0 ;;
  --version) echo "chef.sh $chef_version"; exit 0 ;;
  '') misuse "a command is needed: run, phase, progress, log, artifact, done, fail, cancel or exit (--help tells more)" ;;
  *) misuse "there is no command '$chef_command_name' (--help lists them)" ;;
esac
# shellcheck disable=SC2034 # begin_fields takes them by their names
while [ $# -gt 0 ]; do
  case $1 in
    --url | --job | --project | --phase | --linger | --meta)
      [ $# -gt 1 ] || misuse "$1 needs a value"
      case $1 in
        --url) chef_url=$2 ;;
        --job) chef_job=$2 ;;
        --project) chef_project=$2 ;;
        --phase) chef_phase=$2 ;;
        --linger) chef_linger=$2 ;;
        --meta)
          case $2 in ?*=*) ;; *) misuse "--meta must be KEY=VALUE" ;; esac
          chef_own_meta="$chef_own_meta
$2" ;;
      esac
      shift 2 ;;
    --step) chef_step=1; shift ;;
    -q | --quiet) chef_quiet=1; shift ;;
    -h | --help) about; exit 0 ;;
    --) shift; break ;;
    -?*) misuse "there is no option '$1' (--help lists them)" ;;
    *) break ;;
  esac
done
case $chef_linger in '' | *[!0-9]*) misuse "--linger must be a whole number of seconds" ;; esac
case $chef_command_name in
  run) [ $# -gt 0 ] || misuse "run needs a command: chef.sh run [options] -- COMMAND" ;;
  artifact) [ $# -eq 2 ] || misuse "artifact needs a name and a URL" ;;
  phase | progress | log | exit) [ $# -gt 0 ] || misuse "$chef_command_name needs a value" ;;
esac

if ! find_target "$chef_command_name"; then
  [ "$chef_command_name" = run ] || exit 0
  exec "$@"
fi
case $chef_command_name in
  run) run "$@"; exit $? ;;
  phase) report progress -d projectId="$chef_project" --data-urlencode phase="$(masked_phase "$1")" ${2+--data-urlencode message="$(masked "$2")"} ;;
  progress) report progress -d projectId="$chef_project" --data-urlencode progress="$(masked "${1%\%}")" ${2+--data-urlencode message="$(masked "$2")"} ;;
  log)
    if [ "$*" = - ]; then log_input
    else printf '%s\n' "$*" | mask > "$chef_folder/line"; report "logs?projectId=$chef_project" -H 'Content-Type: text/plain' -T "$chef_folder/line"
    fi ;;
  artifact)
    quoted() { masked "$1" | sed 's/\\/\\\\/g; s/"/\\"/g'; }
    report progress -d projectId="$chef_project" \
      --data-urlencode artifacts="[{\"name\":\"$(quoted "$1")\",\"url\":\"$(quoted "$2")\"}]" ;;
  done) report completed -d projectId="$chef_project" ${1+--data-urlencode message="$(masked "$1")"} ;;
  fail) report error -d projectId="$chef_project" --data-urlencode message="$(masked "${1:-failed}")" ;;
  cancel) report cancelled -d projectId="$chef_project" ${1+--data-urlencode message="$(masked "$1")"} ;;
  exit) report exit -d projectId="$chef_project" --data-urlencode code="$(masked "$1")" ${2+--data-urlencode message="$(masked "$2")"} ;;
esac
exit 0
