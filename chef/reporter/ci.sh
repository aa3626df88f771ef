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

# The build as its CI system describes it: chef_found_job, chef_found_project, chef_branch, chef_commit and so on.
# shellcheck disable=SC2034 # begin_fields takes them by their names
detect() {
  chef_found_job='' chef_found_project='' chef_branch='' chef_commit='' chef_author='' chef_title='' chef_address='' chef_stage=''
  if [ "${GITHUB_ACTIONS-}" = true ] && [ -n "${GITHUB_RUN_ID-}" ]; then
    chef_leg=${RUNNER_TRACKING_ID:-${RUNNER_NAME-}}
    [ -z "$chef_leg" ] || chef_leg=-$(hash_of "$chef_leg")
    chef_found_job=github-$GITHUB_RUN_ID${GITHUB_RUN_ATTEMPT:+-$GITHUB_RUN_ATTEMPT}${GITHUB_JOB:+-$GITHUB_JOB}$chef_leg
    chef_found_project=${GITHUB_REPOSITORY-}
    chef_branch=${GITHUB_HEAD_REF:-${GITHUB_REF_NAME-}} chef_commit=${GITHUB_SHA-} chef_author=${GITHUB_ACTOR-}
    chef_title=${GITHUB_WORKFLOW-} chef_stage=$(printf '%s' "${GITHUB_ACTION-}" | sed 's/^_*//; s/^run$//')
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
    chef_found_project=${CI_REPO:-${CI_REPO_NAME-}} chef_commit=${CI_COMMIT_SHA-} chef_stage=${CI_STEP_NAME-}
    chef_branch=${CI_COMMIT_SOURCE_BRANCH:-${CI_COMMIT_BRANCH-}} chef_author=${CI_COMMIT_AUTHOR-}
    chef_title=$(printf '%s\n' "${CI_COMMIT_MESSAGE-}" | sed 1q)
    chef_address=${CI_STEP_URL:-${CI_PIPELINE_URL:-${CI_BUILD_LINK-}}}
  elif [ -n "${JENKINS_URL-}" ] && [ -n "${BUILD_NUMBER-}" ]; then
    chef_found_job=jenkins-${JOB_NAME-}-$BUILD_NUMBER chef_found_project=${JOB_NAME-}
    [ -z "${BRANCH_NAME-}" ] || chef_found_project=${JOB_NAME%/*}
    chef_found_project=$(last_part "$chef_found_project") chef_branch=${BRANCH_NAME:-${GIT_BRANCH-}} chef_commit=${GIT_COMMIT-}
    chef_branch=${chef_branch#origin/} chef_author=${CHANGE_AUTHOR-} chef_title=${CHANGE_TITLE:-${BUILD_DISPLAY_NAME-}}
    chef_address=${RUN_DISPLAY_URL:-${BUILD_URL-}} chef_stage=${STAGE_NAME-}
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

# choose_job COMMAND: a found id whose job has ended, or is reported by another run, goes on as ID-2, ID-3 and so on.
choose_job() {
  if [ "$1" = run ] && [ -z "$chef_step" ]; then
    chef_job=$(as_id "$chef_job${chef_stage:+-$chef_stage}")
  fi
  chef_first=$(printf '%s' "$chef_job" | cut -c 1-125) chef_number=1 chef_before=$chef_job
  while [ "$chef_number" -lt 50 ]; do
    chef_state=$(curl -sS --connect-timeout 1 --max-time 2 -w ' %{http_code}' -K "$chef_folder/curl" "$chef_url/api/jobs/$chef_job" 2>/dev/null) || return 0
    case $chef_state in
      *' 404') [ "$1" = run ] || chef_job=$chef_before; return 0 ;;
      *'"status":"completed"'* | *'"status":"failed"'* | *'"status":"cancelled"'* | *'"status":"abandoned"'*) ;;
      *'"reporter":"alive"'*) [ "$1" = run ] && [ -z "$chef_step" ] || return 0 ;;
      *) return 0 ;;
    esac
    chef_number=$((chef_number + 1)) chef_before=$chef_job chef_job=$chef_first-$chef_number
  done
}
