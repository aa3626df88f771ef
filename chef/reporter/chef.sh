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
         --linger SECONDS (run: wait this long at most for the rest), --quiet

CHEF_URL, CHEF_TOKEN, CHEF_PROJECT and CHEF_JOB say where to report; in GitHub Actions, GitLab CI,
Buildkite, CircleCI, Jenkins, Heroku and Woodpecker project and job are found by themselves.

What chef.py can do and chef.sh cannot:
- no terminal for the command: it sees pipes, so programs may print without colours;
- a signal that is sent to chef.sh alone is noticed when the command has ended (Ctrl-C, and what is sent
  to the process group, reaches the command as usual);
- nothing in the output is taken for a marker: no phases or percents from it;
- values of variables named *TOKEN*, *SECRET*, *PASSWORD* or *KEY* are masked, but not in base64;
- output is sent about once a second, in whole lines, as text without NUL bytes;
- what waits for a server is kept in a file without a limit.
END
}

say() { printf 'chef: %s\n' "$*" >&2; }

misuse() { say "$*"; exit 2; }

# An id in the characters that ids have.
as_id() { printf '%s' "$1" | LC_ALL=C tr -c 'A-Za-z0-9._~:@+-' '-' | LC_ALL=C sed 's/--*/-/g; s/^-*//; s/-*$//' | cut -c 1-128; }

# The same eight characters that chef.py makes of a runner's name, where there is a tool for that.
hash_of() {
  if command -v sha256sum >/dev/null 2>&1; then printf '%s' "$1" | sha256sum | cut -c 1-8
  elif command -v shasum >/dev/null 2>&1; then printf '%s' "$1" | shasum -a 256 | cut -c 1-8
  fi
}

last_part() { printf '%s' "${1##*/}"; }

# The build as its CI system describes it: chef_found_job, chef_found_project, chef_branch, chef_commit and so on.
# shellcheck disable=SC2034 # begin_fields takes them by their names
detect() {
  chef_found_job='' chef_found_project='' chef_branch='' chef_commit='' chef_author='' chef_title='' chef_address=''
  if [ "${GITHUB_ACTIONS-}" = true ] && [ -n "${GITHUB_RUN_ID-}" ]; then
    chef_leg=${RUNNER_TRACKING_ID:-${RUNNER_NAME-}}
    [ -z "$chef_leg" ] || chef_leg=-$(hash_of "$chef_leg")
    chef_found_job=github-$GITHUB_RUN_ID${GITHUB_RUN_ATTEMPT:+-$GITHUB_RUN_ATTEMPT}${GITHUB_JOB:+-$GITHUB_JOB}$chef_leg
    chef_found_project=${GITHUB_REPOSITORY-}
    chef_branch=${GITHUB_HEAD_REF:-${GITHUB_REF_NAME-}} chef_commit=${GITHUB_SHA-} chef_author=${GITHUB_ACTOR-}
    chef_title=${GITHUB_WORKFLOW-}
    chef_address=${GITHUB_SERVER_URL:-https://github.com}/${GITHUB_REPOSITORY-}/actions/runs/$GITHUB_RUN_ID
    chef_address=$chef_address${GITHUB_RUN_ATTEMPT:+/attempts/$GITHUB_RUN_ATTEMPT}
  elif [ -n "${GITLAB_CI-}" ] && [ -n "${CI_JOB_ID-}" ]; then
    chef_found_job=gitlab${CI_PROJECT_ID:+-$CI_PROJECT_ID}-$CI_JOB_ID chef_found_project=${CI_PROJECT_PATH:-${CI_PROJECT_NAME-}}
    chef_branch=${CI_MERGE_REQUEST_SOURCE_BRANCH_NAME:-${CI_COMMIT_REF_NAME-}} chef_commit=${CI_COMMIT_SHA-}
    chef_author=${CI_COMMIT_AUTHOR:-${GITLAB_USER_NAME-}} chef_title=${CI_COMMIT_TITLE-} chef_address=${CI_JOB_URL-}
  elif [ "${BUILDKITE-}" = true ] && [ -n "${BUILDKITE_JOB_ID-}" ]; then
    chef_found_job=buildkite-${BUILDKITE_PIPELINE_SLUG-}-${BUILDKITE_BUILD_NUMBER-}-$BUILDKITE_JOB_ID
    chef_found_project=${BUILDKITE_ORGANIZATION_SLUG:+$BUILDKITE_ORGANIZATION_SLUG/}${BUILDKITE_PIPELINE_SLUG-} chef_branch=${BUILDKITE_BRANCH-} chef_commit=${BUILDKITE_COMMIT-}
    chef_author=${BUILDKITE_BUILD_AUTHOR:-${BUILDKITE_BUILD_CREATOR-}}
    chef_title=$(printf '%s\n' "${BUILDKITE_MESSAGE-}" | sed 1q)
    chef_address=${BUILDKITE_BUILD_URL:+$BUILDKITE_BUILD_URL#$BUILDKITE_JOB_ID}
  elif [ "${CIRCLECI-}" = true ] && [ -n "${CIRCLE_BUILD_NUM-}" ]; then
    chef_found_job=circleci-${CIRCLE_PROJECT_REPONAME-}-$CIRCLE_BUILD_NUM
    [ "${CIRCLE_NODE_TOTAL:-1}" = 1 ] || chef_found_job=$chef_found_job-node${CIRCLE_NODE_INDEX-}
    chef_found_project=${CIRCLE_PROJECT_USERNAME:+$CIRCLE_PROJECT_USERNAME/}${CIRCLE_PROJECT_REPONAME-} chef_branch=${CIRCLE_BRANCH:-${CIRCLE_TAG-}}
    chef_commit=${CIRCLE_SHA1-} chef_author=${CIRCLE_USERNAME-} chef_title=${CIRCLE_JOB-} chef_address=${CIRCLE_BUILD_URL-}
  elif [ "${CI-}" = woodpecker ]; then
    chef_found_job=woodpecker-${CI_REPO_ID:-${CI_REPO-}}-${CI_PIPELINE_NUMBER:-${CI_BUILD_NUMBER-}}
    chef_found_job=$chef_found_job-${CI_WORKFLOW_NUMBER:-${CI_WORKFLOW_NAME:-${CI_JOB_NUMBER-}}}
    chef_found_project=${CI_REPO:-${CI_REPO_NAME-}} chef_commit=${CI_COMMIT_SHA-}
    chef_branch=${CI_COMMIT_SOURCE_BRANCH:-${CI_COMMIT_BRANCH-}} chef_author=${CI_COMMIT_AUTHOR-}
    chef_title=$(printf '%s\n' "${CI_COMMIT_MESSAGE-}" | sed 1q)
    chef_address=${CI_STEP_URL:-${CI_PIPELINE_URL:-${CI_BUILD_LINK-}}}
  elif [ -n "${JENKINS_URL-}" ] && [ -n "${BUILD_NUMBER-}" ]; then
    chef_found_job=jenkins-${JOB_NAME-}-$BUILD_NUMBER chef_found_project=${JOB_NAME-}
    [ -z "${BRANCH_NAME-}" ] || chef_found_project=${JOB_NAME%/*}
    chef_found_project=$(last_part "$chef_found_project") chef_branch=${BRANCH_NAME:-${GIT_BRANCH-}} chef_commit=${GIT_COMMIT-}
    chef_branch=${chef_branch#origin/} chef_author=${CHANGE_AUTHOR-} chef_title=${CHANGE_TITLE:-${BUILD_DISPLAY_NAME-}}
    chef_address=${RUN_DISPLAY_URL:-${BUILD_URL-}}
  elif [ -n "${HEROKU_TEST_RUN_ID-}" ]; then
    chef_found_job=heroku-test-$HEROKU_TEST_RUN_ID chef_branch=${HEROKU_TEST_RUN_BRANCH-}
    [ "${CI_NODE_TOTAL:-1}" = 1 ] || chef_found_job=$chef_found_job-node${CI_NODE_INDEX-}
    chef_commit=${HEROKU_TEST_RUN_COMMIT_VERSION-} chef_found_project=${HEROKU_APP_NAME-}
  elif [ -n "${DYNO-}" ]; then
    chef_found_job=heroku${HEROKU_APP_NAME:+-$HEROKU_APP_NAME}${HEROKU_RELEASE_VERSION:+-$HEROKU_RELEASE_VERSION}-$DYNO
    chef_found_project=${HEROKU_APP_NAME-} chef_title=${HEROKU_RELEASE_VERSION-}
    chef_commit=${HEROKU_BUILD_COMMIT:-${HEROKU_SLUG_COMMIT:-${SOURCE_VERSION-}}}
  fi
}

# Where reports go: chef_url, chef_job, chef_project; a folder of ours with what curl is told about the token.
find_target() {
  detect
  chef_url=${chef_url:-${CHEF_URL-}} chef_url=${chef_url%/}
  chef_job=${chef_job:-${CHEF_JOB-}} chef_project=${chef_project:-${CHEF_PROJECT-}}
  [ -n "$chef_job" ] || chef_job=$(as_id "$chef_found_job")
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

# Lines without secrets.
mask() {
  LC_ALL=C awk '
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
      print line
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
  [ "$chef_lines" -gt 0 ] || return 0
  tail -c "+$((chef_taken + 1))" "$chef_folder/$1.raw" | head -n "$chef_lines" > "$chef_folder/$1.new"
  mask < "$chef_folder/$1.new" >> "$chef_folder/$1.masked"
  echo "$((chef_taken + $(size_of "$chef_folder/$1.new")))" > "$chef_folder/$1.taken"
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
  for chef_one in branch commit author title; do
    eval "chef_value=\$chef_$chef_one"
    [ -z "$chef_value" ] || printf ' --data-urlencode meta.%s="$(masked "$chef_%s")"' "$chef_one" "$chef_one"
  done
  [ -z "$chef_address" ] || printf '%s' ' --data-urlencode meta.url="$(masked "$chef_address")"'
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
chef_url='' chef_job='' chef_project='' chef_phase=building chef_step='' chef_linger=10 chef_quiet='' chef_status=0 chef_until=''
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
    --url | --job | --project | --phase | --linger)
      [ $# -gt 1 ] || misuse "$1 needs a value"
      case $1 in
        --url) chef_url=$2 ;;
        --job) chef_job=$2 ;;
        --project) chef_project=$2 ;;
        --phase) chef_phase=$2 ;;
        --linger) chef_linger=$2 ;;
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
