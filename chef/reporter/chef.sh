#!/bin/sh
# chef.sh: reports a build to Chef, for machines with sh and curl and without Python.
#
#   CHEF_URL=https://chef.example.com sh chef.sh run --project web -- make
#
# What cannot be sent fails nothing: the command runs, and its exit status is ours.
VERSION=0

about() {
  cat <<'END'
usage: chef.sh run [options] -- COMMAND...   run a command and report its output and its end
       chef.sh phase NAME [MESSAGE]          say which phase the build is in
       chef.sh progress PERCENT [MESSAGE]    say how far it is
       chef.sh log - | TEXT                  add standard input, or a line, to the log
       chef.sh artifact NAME URL             name something that the build has made
       chef.sh done [MESSAGE]                end the job: completed
       chef.sh fail [MESSAGE]                end the job: failed
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

# What the CI system says: found_job, found_project, branch, commit, author, title, address.
# shellcheck disable=SC2034 # begin_fields takes them by their names
detect() {
  found_job='' found_project='' branch='' commit='' author='' title='' address=''
  if [ "${GITHUB_ACTIONS-}" = true ] && [ -n "${GITHUB_RUN_ID-}" ]; then
    leg=${RUNNER_TRACKING_ID:-${RUNNER_NAME-}}
    [ -z "$leg" ] || leg=-$(hash_of "$leg")
    found_job=github-$GITHUB_RUN_ID${GITHUB_RUN_ATTEMPT:+-$GITHUB_RUN_ATTEMPT}${GITHUB_JOB:+-$GITHUB_JOB}$leg
    found_project=$(last_part "${GITHUB_REPOSITORY-}")
    branch=${GITHUB_HEAD_REF:-${GITHUB_REF_NAME-}} commit=${GITHUB_SHA-} author=${GITHUB_ACTOR-}
    title=${GITHUB_WORKFLOW-}
    address=${GITHUB_SERVER_URL:-https://github.com}/${GITHUB_REPOSITORY-}/actions/runs/$GITHUB_RUN_ID
    address=$address${GITHUB_RUN_ATTEMPT:+/attempts/$GITHUB_RUN_ATTEMPT}
  elif [ -n "${GITLAB_CI-}" ] && [ -n "${CI_JOB_ID-}" ]; then
    found_job=gitlab${CI_PROJECT_ID:+-$CI_PROJECT_ID}-$CI_JOB_ID found_project=${CI_PROJECT_NAME-}
    branch=${CI_MERGE_REQUEST_SOURCE_BRANCH_NAME:-${CI_COMMIT_REF_NAME-}} commit=${CI_COMMIT_SHA-}
    author=${CI_COMMIT_AUTHOR:-${GITLAB_USER_NAME-}} title=${CI_COMMIT_TITLE-} address=${CI_JOB_URL-}
  elif [ "${BUILDKITE-}" = true ] && [ -n "${BUILDKITE_JOB_ID-}" ]; then
    found_job=buildkite-${BUILDKITE_PIPELINE_SLUG-}-${BUILDKITE_BUILD_NUMBER-}-$BUILDKITE_JOB_ID
    found_project=${BUILDKITE_PIPELINE_SLUG-} branch=${BUILDKITE_BRANCH-} commit=${BUILDKITE_COMMIT-}
    author=${BUILDKITE_BUILD_AUTHOR:-${BUILDKITE_BUILD_CREATOR-}}
    title=$(printf '%s\n' "${BUILDKITE_MESSAGE-}" | sed 1q)
    address=${BUILDKITE_BUILD_URL:+$BUILDKITE_BUILD_URL#$BUILDKITE_JOB_ID}
  elif [ "${CIRCLECI-}" = true ] && [ -n "${CIRCLE_BUILD_NUM-}" ]; then
    found_job=circleci-${CIRCLE_PROJECT_REPONAME-}-$CIRCLE_BUILD_NUM
    [ "${CIRCLE_NODE_TOTAL:-1}" = 1 ] || found_job=$found_job-node${CIRCLE_NODE_INDEX-}
    found_project=${CIRCLE_PROJECT_REPONAME-} branch=${CIRCLE_BRANCH:-${CIRCLE_TAG-}}
    commit=${CIRCLE_SHA1-} author=${CIRCLE_USERNAME-} title=${CIRCLE_JOB-} address=${CIRCLE_BUILD_URL-}
  elif [ "${CI-}" = woodpecker ]; then
    found_job=woodpecker-${CI_REPO_ID:-${CI_REPO-}}-${CI_PIPELINE_NUMBER:-${CI_BUILD_NUMBER-}}
    found_job=$found_job-${CI_WORKFLOW_NUMBER:-${CI_WORKFLOW_NAME:-${CI_JOB_NUMBER-}}}
    found_project=${CI_REPO_NAME:-$(last_part "${CI_REPO-}")} commit=${CI_COMMIT_SHA-}
    branch=${CI_COMMIT_SOURCE_BRANCH:-${CI_COMMIT_BRANCH-}} author=${CI_COMMIT_AUTHOR-}
    title=$(printf '%s\n' "${CI_COMMIT_MESSAGE-}" | sed 1q)
    address=${CI_STEP_URL:-${CI_PIPELINE_URL:-${CI_BUILD_LINK-}}}
  elif [ -n "${JENKINS_URL-}" ] && [ -n "${BUILD_NUMBER-}" ]; then
    found_job=jenkins-${JOB_NAME-}-$BUILD_NUMBER found_project=${JOB_NAME-}
    [ -z "${BRANCH_NAME-}" ] || found_project=${JOB_NAME%/*}
    found_project=$(last_part "$found_project") branch=${BRANCH_NAME:-${GIT_BRANCH-}} commit=${GIT_COMMIT-}
    branch=${branch#origin/} author=${CHANGE_AUTHOR-} title=${CHANGE_TITLE:-${BUILD_DISPLAY_NAME-}}
    address=${RUN_DISPLAY_URL:-${BUILD_URL-}}
  elif [ -n "${HEROKU_TEST_RUN_ID-}" ]; then
    found_job=heroku-test-$HEROKU_TEST_RUN_ID branch=${HEROKU_TEST_RUN_BRANCH-}
    [ "${CI_NODE_TOTAL:-1}" = 1 ] || found_job=$found_job-node${CI_NODE_INDEX-}
    commit=${HEROKU_TEST_RUN_COMMIT_VERSION-} found_project=${HEROKU_APP_NAME-}
  elif [ -n "${DYNO-}" ]; then
    found_job=heroku${HEROKU_APP_NAME:+-$HEROKU_APP_NAME}${HEROKU_RELEASE_VERSION:+-$HEROKU_RELEASE_VERSION}-$DYNO
    found_project=${HEROKU_APP_NAME-} title=${HEROKU_RELEASE_VERSION-}
    commit=${HEROKU_BUILD_COMMIT:-${HEROKU_SLUG_COMMIT:-${SOURCE_VERSION-}}}
  fi
}

# Where reports go: url, job, project; a folder of ours with what curl is told about the token.
find_target() {
  detect
  url=${url:-${CHEF_URL-}} url=${url%/}
  job=${job:-${CHEF_JOB-}} project=${project:-${CHEF_PROJECT-}}
  [ -n "$job" ] || job=$(as_id "$found_job")
  [ -n "$project" ] || project=$(as_id "${found_project:-$(last_part "$PWD")}")
  [ -n "$project" ] || project=build
  if [ -z "$job" ]; then
    [ "$1" = run ] || { say "CHEF_JOB is not set: which job is this?"; exit 0; }
    job=$(date -u +%Y%m%d-%H%M%S)-$$
  fi
  if [ -z "$url" ]; then
    [ -n "$quiet" ] || say "CHEF_URL is not set: nothing is reported"
    return 1
  fi
  command -v curl >/dev/null 2>&1 || { say "there is no curl: nothing is reported"; return 1; }
  folder=$(mktemp -d 2>/dev/null) || { say "no folder for temporary files: nothing is reported"; return 1; }
  trap 'rm -rf "$folder"' EXIT
  (umask 077; : > "$folder/curl"
   [ -z "${CHEF_TOKEN-}" ] || printf 'header = "Authorization: Bearer %s"\n' "$CHEF_TOKEN" > "$folder/curl")
  api=$url/api/jobs/$job
}

# ask PATH [curl's options]: one request, in not much time. Its output is curl's complaint.
ask() {
  ask_path=$1; shift
  curl -sS -f -o /dev/null --connect-timeout 3 --max-time 5 -A "chef.sh/$VERSION" -K "$folder/curl" "$@" "$api/$ask_path" 2>&1
}

# report PATH [curl's options]: the same, and one line where it did not arrive. Never fails.
report() {
  if ! complaint=$(ask "$@"); then say "did not arrive: $complaint"; fi
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

size_of() { wc -c < "$1" | tr -d ' '; }

# gather STREAM: move the whole lines that have come since the last time to what is to be sent.
gather() {
  taken=$(cat "$folder/$1.taken")
  lines=$(tail -c "+$((taken + 1))" "$folder/$1.raw" | wc -l)
  [ "$lines" -gt 0 ] || return 0
  tail -c "+$((taken + 1))" "$folder/$1.raw" | head -n "$lines" > "$folder/$1.new"
  mask < "$folder/$1.new" >> "$folder/$1.masked"
  echo "$((taken + $(size_of "$folder/$1.new")))" > "$folder/$1.taken"
}

# place_of STREAM: how far the server is in it; fails where it does not say.
place_of() {
  place=$(curl -sS -f -I --connect-timeout 3 --max-time 5 -K "$folder/curl" "$api/logs?stream=$1" 2>/dev/null |
    tr -d '\r' | sed -n 's/^[Uu]pload-[Oo]ffset: *//p')
  [ -n "$place" ] && echo "$place"
}

# send STREAM: send what was gathered and has not arrived. `base` is where our part of it begins.
send() {
  sent=$(cat "$folder/$1.sent") have=$(size_of "$folder/$1.masked")
  [ "$have" -gt "$sent" ] || return 0
  if [ ! -s "$folder/$1.base" ]; then
    place_of "$1" > "$folder/$1.base" || { : > "$folder/$1.base"; return 1; }
  fi
  base=$(cat "$folder/$1.base")
  tail -c "+$((sent + 1))" "$folder/$1.masked" | head -c "$((have - sent))" > "$folder/$1.part"
  if complaint=$(ask "logs?stream=$1&projectId=$project&offset=$((base + sent))" \
    --max-time 20 -H 'Content-Type: text/plain' -T "$folder/$1.part"); then
    echo "$have" > "$folder/$1.sent"
    return 0
  fi
  echo "$complaint" > "$folder/complaint"
  place=$(place_of "$1") || return 1
  # Whatever of it has arrived is not sent again.
  [ "$place" -lt "$((base + sent))" ] || [ "$place" -gt "$((base + have))" ] || echo "$((place - base))" > "$folder/$1.sent"
  return 1
}

# In the background: sends until it is stopped, less often while nobody answers.
send_on_and_on() {
  pause=1
  while [ ! -e "$folder/stop" ]; do
    sleep "$pause"
    # Not to be stopped within this: `finish` waits while the file is there.
    : > "$folder/busy"
    [ -e "$folder/stop" ] || { gather stdout; gather stderr; }
    rm -f "$folder/busy"
    if send stdout && send stderr; then pause=1; elif [ "$pause" -lt 10 ]; then pause=$((pause + 1)); fi
  done
}

# claim STREAM: what it adds up to, as JSON; nothing where a part of it is not ours.
claim() {
  [ "$(cat "$folder/$1.base")" = 0 ] || return 0
  printf '"%s":{"bytes":%s,"lines":%s}' "$1" "$(size_of "$folder/$1.masked")" "$(wc -l < "$folder/$1.masked" | tr -d ' ')"
}

is_running() { kill -0 "$1" 2>/dev/null; }

short_pause() { sleep 0.2 2>/dev/null || sleep 1; }

run() {
  for stream in stdout stderr; do
    mkfifo "$folder/$stream" || { say "no named pipes here: nothing is reported"; "$@"; return $?; }
    : > "$folder/$stream.raw"; : > "$folder/$stream.masked"; : > "$folder/$stream.base"
    echo 0 > "$folder/$stream.taken"; echo 0 > "$folder/$stream.sent"
  done
  [ -n "$quiet" ] || say "$url/jobs/$job"
  begun=$(begin_fields) || :
  (eval "ask progress $begun" > "$folder/complaint" 2>&1; exec > "$folder/noise" 2>&1; send_on_and_on) \
    < /dev/null > /dev/null 2>&1 &
  sender=$!
  tee "$folder/stdout.raw" < "$folder/stdout" & out=$!
  tee "$folder/stderr.raw" < "$folder/stderr" >&2 & err=$!
  # The shell stays to report how it ended.
  trap : INT TERM HUP QUIT
  "$@" > "$folder/stdout" 2> "$folder/stderr"
  status=$?
  # What the command left behind may hold the pipes: it is not waited for long.
  tries=0
  while { is_running "$out" || is_running "$err"; } && [ "$tries" -lt 10 ]; do short_pause; tries=$((tries + 1)); done
  kill "$out" "$err" 2>/dev/null
  trap 'kill "$sender" 2>/dev/null; exit "$status"' INT TERM HUP QUIT
  : > "$folder/stop"
  finish
  return "$status"
}

# shellcheck disable=SC2016 # it is evaluated where it is used
begin_fields() {
  printf '%s' '-d projectId="$project" -d phase="$phase"'
  for one in branch commit author title; do
    eval "value=\$$one"
    [ -z "$value" ] || printf ' --data-urlencode meta.%s="$%s"' "$one" "$one"
  done
  [ -z "$address" ] || printf '%s' ' --data-urlencode meta.url="$address"'
}

# The rest of the output and the end, within the time that there is.
finish() {
  until=$(($(date +%s) + linger))
  while [ -e "$folder/busy" ] && is_running "$sender"; do short_pause; done
  kill "$sender" 2>/dev/null
  for stream in stdout stderr; do
    gather "$stream"
    # The last line may have no end.
    tail -c "+$(($(cat "$folder/$stream.taken") + 1))" "$folder/$stream.raw" | mask >> "$folder/$stream.masked"
  done
  while :; do
    if send stdout && send stderr; then break; fi
    [ "$(date +%s)" -lt "$((until - 2))" ] || break
    sleep 1
  done
  complaint=$(end) || echo "$complaint" > "$folder/complaint"
  missing=$(($(size_of "$folder/stdout.masked") - $(cat "$folder/stdout.sent")))
  missing=$((missing + $(size_of "$folder/stderr.masked") - $(cat "$folder/stderr.sent")))
  if [ "$missing" -gt 0 ] || [ -n "$complaint" ]; then
    say "did not arrive: $missing bytes of output${complaint:+, the end of the job} ($(cat "$folder/complaint"))"
  fi
}

end() {
  [ -z "$step" ] || return 0
  claims=$(claim stdout) more=$(claim stderr)
  claims=$claims${claims:+${more:+,}}$more
  ask exit -H 'Content-Type: application/json' \
    -d "{\"projectId\":\"$project\",\"code\":$status${claims:+,\"integrity\":{$claims\}}}"
}

# --- the command line -----------------------------------------------------------------------

# shellcheck disable=SC2034
url='' job='' project='' phase=building step='' linger=10 quiet='' status=0
command_name=${1-}
[ $# -eq 0 ] || shift
case $command_name in
  run | phase | progress | log | artifact | done | fail | exit) ;;
  -h | --help | help) about; exit 0 ;;
  --version) echo "chef.sh $VERSION"; exit 0 ;;
  '') misuse "a command is needed: run, phase, progress, log, artifact, done, fail or exit (--help tells more)" ;;
  *) misuse "there is no command '$command_name' (--help lists them)" ;;
esac
# shellcheck disable=SC2034 # begin_fields takes them by their names
while [ $# -gt 0 ]; do
  case $1 in
    --url | --job | --project | --phase | --linger)
      [ $# -gt 1 ] || misuse "$1 needs a value"
      case $1 in
        --url) url=$2 ;;
        --job) job=$2 ;;
        --project) project=$2 ;;
        --phase) phase=$2 ;;
        --linger) linger=$2 ;;
      esac
      shift 2 ;;
    --step) step=1; shift ;;
    -q | --quiet) quiet=1; shift ;;
    -h | --help) about; exit 0 ;;
    --) shift; break ;;
    -?*) misuse "there is no option '$1' (--help lists them)" ;;
    *) break ;;
  esac
done
case $linger in '' | *[!0-9]*) misuse "--linger must be a whole number of seconds" ;; esac
case $command_name in
  run) [ $# -gt 0 ] || misuse "run needs a command: chef.sh run [options] -- COMMAND" ;;
  artifact) [ $# -eq 2 ] || misuse "artifact needs a name and a URL" ;;
  phase | progress | log | exit) [ $# -gt 0 ] || misuse "$command_name needs a value" ;;
esac

if ! find_target "$command_name"; then
  [ "$command_name" = run ] || exit 0
  "$@"
  exit $?
fi
case $command_name in
  run) run "$@"; exit $? ;;
  phase) report progress -d projectId="$project" --data-urlencode phase="$1" ${2+--data-urlencode message="$(masked "$2")"} ;;
  progress) report progress -d projectId="$project" --data-urlencode progress="${1%\%}" ${2+--data-urlencode message="$(masked "$2")"} ;;
  log)
    if [ "$*" = - ]; then mask | ask "logs?projectId=$project" --max-time 3600 -H 'Content-Type: text/plain' -T - > "$folder/complaint" || {
      cat > /dev/null
      say "did not arrive: $(cat "$folder/complaint")"
    }
    else printf '%s\n' "$*" | mask > "$folder/line"; report "logs?projectId=$project" -H 'Content-Type: text/plain' -T "$folder/line"
    fi ;;
  artifact)
    quoted() { masked "$1" | sed 's/\\/\\\\/g; s/"/\\"/g'; }
    report progress -d projectId="$project" \
      --data-urlencode artifacts="[{\"name\":\"$(quoted "$1")\",\"url\":\"$(quoted "$2")\"}]" ;;
  done) report completed -d projectId="$project" ${1+--data-urlencode message="$(masked "$1")"} ;;
  fail) report error -d projectId="$project" --data-urlencode message="$(masked "${1:-failed}")" ;;
  exit) report exit -d projectId="$project" --data-urlencode code="$1" ${2+--data-urlencode message="$(masked "$2")"} ;;
esac
exit 0
