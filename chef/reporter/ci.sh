# The build as its CI system describes it, and the job that it is: a part of chef.sh, which is served as one file.

# An id in the characters that ids have.
as_id() { printf '%s' "$1" | LC_ALL=C tr -c 'A-Za-z0-9._~:@+-' '-' | LC_ALL=C sed 's/--*/-/g; s/^-*//; s/-*$//' | cut -c 1-128; }

# The same eight characters that chef.py makes of a runner's name, where there is a tool for that.
hash_of() {
  if command -v sha256sum >/dev/null 2>&1; then printf '%s' "$1" | sha256sum | cut -c 1-8
  elif command -v shasum >/dev/null 2>&1; then printf '%s' "$1" | shasum -a 256 | cut -c 1-8
  fi
}

last_part() { printf '%s' "${1##*/}"; }

# A repository's address for a browser, of the one that git has: without a user, a password and `.git`.
repository_of() {
  printf '%s\n' "$1" | sed -n 's!^git+!!; s!^ssh://!!; s!^git://!!; s!^\(https\{0,1\}://\)[^/@]*@!\1!; s!^[^/@]*@!!
    /^http/!s!^\([^/:]*\.[^/:]*\):[0-9]*/*!https://\1/!; /^http/!s!^\([^/:]*\.[^/:]*\)/!https://\1/!
    s!/*$!!; s!\.git$!!; /^https\{0,1\}:/p'
}

# Names that are known, from the workflow to the leg, joined as chef.py joins them.
kind_of() {
  chef_kind=''
  for chef_one in "$@"; do [ -z "$chef_one" ] || chef_kind=$chef_kind${chef_kind:+ / }$chef_one; done
}

# The tools of a GitHub runner's path that a step has chosen, each with its minor version.
tools_of() {
  printf '%s\n' "$1" | tr ':' '\n' | sed -n 's!^.*/hostedtoolcache/\([^/]*\)/\([0-9]*\(\.[0-9]*\)\{0,1\}\).*!, \1 \2!p' |
    awk '!seen[$0]++ { printf "%s", $0 }'
}

# The newest commit of a pull request's branch, of the event that GitHub, Gitea and Forgejo write into a file: what is
# built of one is a commit that merges it for a try, which nobody looks at.
head_of_event() {
  [ -r "$1" ] || return 0
  LC_ALL=C awk '{
    rest = $0
    while (match(rest, /"([^"\\]|\\.)*"|[][{}:,]/)) {
      token = substr(rest, RSTART, RLENGTH); rest = substr(rest, RSTART + RLENGTH)
      if (token ~ /^[[{]$/) { depth++; key[depth] = "" }
      else if (token ~ /^[]}]$/) depth--
      else if (token == ":") key[depth] = before
      else if (before == ":" && depth == 3 && key[1] key[2] key[3] == "\"pull_request\"\"head\"\"sha\"") {
        print substr(token, 2, length(token) - 2); exit
      }
      before = token
    }
  }' "$1" 2>/dev/null | sed -n '/^[0-9a-f]\{40,64\}$/p'
}

# The build as its CI system describes it: chef_found_job, chef_found_project, chef_branch, chef_commit and so on.
# chef_kind is the same in each run of the CI job, chef_run in each job of the run.
# shellcheck disable=SC2034 # begin_fields takes them by their names
detect() {
  chef_found_job='' chef_found_project='' chef_branch='' chef_commit='' chef_author='' chef_title='' chef_address='' chef_stage=''
  chef_kind='' chef_run='' chef_repository='' chef_pull='' chef_number=''
  # Gitea and Forgejo have the variables of GitHub Actions.
  chef_forge=''
  [ "${GITHUB_ACTIONS-}" != true ] || chef_forge=github
  [ "${GITEA_ACTIONS-}" != true ] || chef_forge=gitea
  [ "${FORGEJO_ACTIONS-}" != true ] || chef_forge=forgejo
  if [ -n "$chef_forge" ] && [ -n "${GITHUB_RUN_ID-}" ]; then
    chef_leg=${RUNNER_TRACKING_ID:-${RUNNER_NAME-}}
    [ -z "$chef_leg" ] || chef_leg=-$(hash_of "$chef_leg")
    chef_found_job=$chef_forge-$GITHUB_RUN_ID${GITHUB_RUN_ATTEMPT:+-$GITHUB_RUN_ATTEMPT}${GITHUB_JOB:+-$GITHUB_JOB}$chef_leg
    chef_found_project=${GITHUB_REPOSITORY-}
    chef_branch=${GITHUB_HEAD_REF:-${GITHUB_REF_NAME-}} chef_commit=${GITHUB_SHA-} chef_author=${GITHUB_ACTOR-}
    kind_of "${GITHUB_WORKFLOW-}" "${GITHUB_JOB-}"
    chef_title=$chef_kind chef_stage=$(printf '%s' "${GITHUB_ACTION-}" | sed 's/^_*//; s/^run$//')
    chef_address=${GITHUB_SERVER_URL:-https://github.com}/${GITHUB_REPOSITORY-}/actions/runs/
    # There runs are numbered per repository, and have no address per attempt.
    if [ "$chef_forge" = github ]; then chef_address=$chef_address$GITHUB_RUN_ID${GITHUB_RUN_ATTEMPT:+/attempts/$GITHUB_RUN_ATTEMPT}
    else chef_address=${GITHUB_SERVER_URL:+${GITHUB_RUN_NUMBER:+$chef_address$GITHUB_RUN_NUMBER}}
    fi
    chef_run=$chef_forge-$GITHUB_RUN_ID${GITHUB_RUN_ATTEMPT:+-$GITHUB_RUN_ATTEMPT} chef_number=${GITHUB_RUN_NUMBER-}
    chef_leg=${ImageOS:-${RUNNER_OS-}}${RUNNER_ARCH:+, $RUNNER_ARCH}$(tools_of "$PATH")
    kind_of "${GITHUB_WORKFLOW-}" "${GITHUB_JOB-}" "${chef_leg#, }"
    chef_repository=${GITHUB_SERVER_URL:+$GITHUB_SERVER_URL/}${GITHUB_REPOSITORY-}
    chef_pull=$(printf '%s\n' "${GITHUB_REF-}" | sed -n 's!^refs/pull/\([0-9]*\)/.*!\1!p')
    chef_leg=''
    [ -z "$chef_pull" ] || chef_leg=$(head_of_event "${GITHUB_EVENT_PATH-}")
    chef_commit=${chef_leg:-$chef_commit}
  elif [ -n "${GITLAB_CI-}" ] && [ -n "${CI_JOB_ID-}" ]; then
    chef_found_job=gitlab${CI_PROJECT_ID:+-$CI_PROJECT_ID}-$CI_JOB_ID chef_found_project=${CI_PROJECT_PATH:-${CI_PROJECT_NAME-}}
    chef_branch=${CI_MERGE_REQUEST_SOURCE_BRANCH_NAME:-${CI_COMMIT_REF_NAME-}} chef_commit=${CI_MERGE_REQUEST_SOURCE_BRANCH_SHA:-${CI_COMMIT_SHA-}}
    chef_author=${CI_COMMIT_AUTHOR:-${GITLAB_USER_NAME-}} chef_title=${CI_COMMIT_TITLE-} chef_address=${CI_JOB_URL-}
    chef_run=gitlab${CI_PROJECT_ID:+-$CI_PROJECT_ID}-${CI_PIPELINE_ID:-$CI_JOB_ID} chef_repository=${CI_PROJECT_URL-}
    kind_of "${CI_JOB_NAME-}"; chef_pull=${CI_MERGE_REQUEST_IID-} chef_number=${CI_PIPELINE_IID-}
  elif [ "${BUILDKITE-}" = true ] && [ -n "${BUILDKITE_JOB_ID-}" ]; then
    chef_found_job=buildkite-${BUILDKITE_PIPELINE_SLUG-}-${BUILDKITE_BUILD_NUMBER-}-$BUILDKITE_JOB_ID
    chef_found_project=${BUILDKITE_ORGANIZATION_SLUG:+$BUILDKITE_ORGANIZATION_SLUG/}${BUILDKITE_PIPELINE_SLUG-} chef_branch=${BUILDKITE_BRANCH-} chef_commit=${BUILDKITE_COMMIT-}
    chef_author=${BUILDKITE_BUILD_AUTHOR:-${BUILDKITE_BUILD_CREATOR-}}
    chef_title=$(printf '%s\n' "${BUILDKITE_MESSAGE-}" | sed 1q)
    chef_address=${BUILDKITE_BUILD_URL:+$BUILDKITE_BUILD_URL#$BUILDKITE_JOB_ID}
    chef_run=buildkite-${BUILDKITE_PIPELINE_SLUG-}-${BUILDKITE_BUILD_NUMBER-} chef_number=${BUILDKITE_BUILD_NUMBER-}
    chef_leg='' chef_repository=$(repository_of "${BUILDKITE_REPO-}") chef_pull=${BUILDKITE_PULL_REQUEST-}
    [ "${BUILDKITE_PARALLEL_JOB_COUNT:-1}" -le 1 ] || chef_leg="${BUILDKITE_PARALLEL_JOB-} of $BUILDKITE_PARALLEL_JOB_COUNT"
    kind_of "${BUILDKITE_PIPELINE_SLUG-}" "${BUILDKITE_STEP_KEY:-${BUILDKITE_LABEL-}}" "$chef_leg"
  elif [ "${CIRCLECI-}" = true ] && [ -n "${CIRCLE_BUILD_NUM-}" ]; then
    chef_found_job=circleci-${CIRCLE_PROJECT_REPONAME-}-$CIRCLE_BUILD_NUM
    chef_leg=''
    [ "${CIRCLE_NODE_TOTAL:-1}" = 1 ] || chef_found_job=$chef_found_job-node${CIRCLE_NODE_INDEX-} chef_leg="${CIRCLE_NODE_INDEX-} of $CIRCLE_NODE_TOTAL"
    kind_of "${CIRCLE_JOB-}" "$chef_leg"; chef_run=circleci-${CIRCLE_PROJECT_REPONAME-}-${CIRCLE_WORKFLOW_ID:-$CIRCLE_BUILD_NUM}
    chef_repository=$(repository_of "${CIRCLE_REPOSITORY_URL-}") chef_number=$CIRCLE_BUILD_NUM
    chef_pull=${CIRCLE_PR_NUMBER:-$(last_part "${CIRCLE_PULL_REQUEST-}")}
    chef_found_project=${CIRCLE_PROJECT_USERNAME:+$CIRCLE_PROJECT_USERNAME/}${CIRCLE_PROJECT_REPONAME-} chef_branch=${CIRCLE_BRANCH:-${CIRCLE_TAG-}}
    chef_commit=${CIRCLE_SHA1-} chef_author=${CIRCLE_USERNAME-} chef_title=${CIRCLE_JOB-} chef_address=${CIRCLE_BUILD_URL-}
  elif [ "${CI-}" = woodpecker ]; then
    chef_found_job=woodpecker-${CI_REPO_ID:-${CI_REPO-}}-${CI_PIPELINE_NUMBER:-${CI_BUILD_NUMBER-}}
    chef_found_job=$chef_found_job-${CI_WORKFLOW_NUMBER:-${CI_WORKFLOW_NAME:-${CI_JOB_NUMBER-}}}
    chef_found_project=${CI_REPO:-${CI_REPO_NAME-}} chef_commit=${CI_COMMIT_SHA-} chef_stage=${CI_STEP_NAME-}
    chef_branch=${CI_COMMIT_SOURCE_BRANCH:-${CI_COMMIT_BRANCH-}} chef_author=${CI_COMMIT_AUTHOR-}
    chef_title=$(printf '%s\n' "${CI_COMMIT_MESSAGE-}" | sed 1q)
    chef_address=${CI_STEP_URL:-${CI_PIPELINE_URL:-${CI_BUILD_LINK-}}}
    chef_number=${CI_PIPELINE_NUMBER:-${CI_BUILD_NUMBER-}} chef_run=woodpecker-${CI_REPO_ID:-${CI_REPO-}}-$chef_number
    kind_of "${CI_WORKFLOW_NAME:-${CI_JOB_NAME-}}" "${CI_SYSTEM_PLATFORM-}"
    chef_repository=${CI_REPO_URL:-${CI_REPO_LINK-}} chef_pull=${CI_COMMIT_PULL_REQUEST-}
  elif [ -n "${JENKINS_URL-}" ] && [ -n "${BUILD_NUMBER-}" ]; then
    chef_found_job=jenkins-${JOB_NAME-}-$BUILD_NUMBER chef_found_project=${JOB_NAME-}
    [ -z "${BRANCH_NAME-}" ] || chef_found_project=${JOB_NAME%/*}
    chef_found_project=$(last_part "$chef_found_project") chef_branch=${BRANCH_NAME:-${GIT_BRANCH-}} chef_commit=${GIT_COMMIT-}
    chef_branch=${chef_branch#origin/} chef_author=${CHANGE_AUTHOR-} chef_title=${CHANGE_TITLE:-${BUILD_DISPLAY_NAME-}}
    chef_address=${RUN_DISPLAY_URL:-${BUILD_URL-}} chef_stage=${STAGE_NAME-}
    # The axes of a matrix are jobs of one run.
    chef_run=jenkins-$(printf '%s\n' "${JOB_NAME-}" | sed 's!/[^/=]*=[^/]*$!!')-$BUILD_NUMBER
    chef_kind=$(printf '%s\n' "${JOB_NAME-}" | sed 's!%2F!/!g')
    [ -z "${BRANCH_NAME-}" ] || chef_kind=${chef_kind%"/$BRANCH_NAME"}
    chef_repository=$(repository_of "${GIT_URL:-${GIT_URL_1-}}") chef_pull=${CHANGE_ID-} chef_number=$BUILD_NUMBER
  elif [ -n "${HEROKU_TEST_RUN_ID-}" ]; then
    chef_found_job=heroku-test-$HEROKU_TEST_RUN_ID chef_branch=${HEROKU_TEST_RUN_BRANCH-}
    chef_run=$chef_found_job chef_leg=''
    [ "${CI_NODE_TOTAL:-1}" = 1 ] || chef_found_job=$chef_found_job-node${CI_NODE_INDEX-} chef_leg="${CI_NODE_INDEX-} of $CI_NODE_TOTAL"
    kind_of test "$chef_leg"; chef_pull=${HEROKU_PR_NUMBER-}
    chef_commit=${HEROKU_TEST_RUN_COMMIT_VERSION-} chef_found_project=${HEROKU_APP_NAME-}
  elif [ -n "${DYNO-}" ]; then
    chef_found_job=heroku${HEROKU_APP_NAME:+-$HEROKU_APP_NAME}${HEROKU_RELEASE_VERSION:+-$HEROKU_RELEASE_VERSION}-$DYNO
    chef_found_project=${HEROKU_APP_NAME-} chef_title=${HEROKU_RELEASE_VERSION-}
    chef_commit=${HEROKU_BUILD_COMMIT:-${HEROKU_SLUG_COMMIT:-${SOURCE_VERSION-}}}
    chef_run=heroku${HEROKU_APP_NAME:+-$HEROKU_APP_NAME}${HEROKU_RELEASE_VERSION:+-$HEROKU_RELEASE_VERSION}
    chef_kind=${DYNO%%.*} chef_pull=${HEROKU_PR_NUMBER-} chef_number=${HEROKU_RELEASE_VERSION#v}
  fi
  [ "$chef_pull" != false ] || chef_pull=''
  chef_run=$(as_id "$chef_run")
}

# A command as the kind of its builds: without what differs from run to run.
command_kind() {
  masked " $* " | sed 's/[0-9]\{5,\}/*/g; s/\([^0-9A-Za-z]\)[0-9a-f]\{7,64\}\([^0-9A-Za-z]\)/\1*\2/g; s/^ *//; s/ *$//' | cut -c 1-200
}

# The kind of a build that is a whole job; a second build of one CI job has its command in it.
whole_kind() {
  [ -n "$chef_kind" ] || { chef_kind=$(command_kind "$@"); return 0; }
  [ -z "$chef_is_found" ] || chef_kind=$chef_kind${chef_stage:+ / $chef_stage}
  [ "${chef_ordinal:-1}" = 1 ] || chef_kind="$chef_kind / $(command_kind "$@")"
}

# choose_job COMMAND: a found id whose job has ended, or is reported by another run, goes on as ID-2, ID-3 and so on.
choose_job() {
  if [ "$1" = run ] && [ -z "$chef_step" ]; then
    chef_job=$(as_id "$chef_job${chef_stage:+-$chef_stage}")
  fi
  chef_first=$(printf '%s' "$chef_job" | cut -c 1-125) chef_ordinal=1 chef_before=$chef_job
  while [ "$chef_ordinal" -lt 50 ]; do
    chef_state=$(curl -sS --connect-timeout 1 --max-time 2 -w ' %{http_code}' -K "$chef_folder/curl" "$chef_url/api/jobs/$chef_job" 2>/dev/null) || return 0
    case $chef_state in
      *' 404') [ "$1" = run ] || chef_job=$chef_before; return 0 ;;
      *'"status":"completed"'* | *'"status":"failed"'* | *'"status":"cancelled"'* | *'"status":"abandoned"'*) ;;
      *'"reporter":"alive"'*) [ "$1" = run ] && [ -z "$chef_step" ] || return 0 ;;
      *) return 0 ;;
    esac
    chef_ordinal=$((chef_ordinal + 1)) chef_before=$chef_job chef_job=$chef_first-$chef_ordinal
  done
}
