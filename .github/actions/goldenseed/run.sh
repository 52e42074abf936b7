# Runs the suites; leaves pytest's exit code and the run's folder as outputs, and never fails itself.
# No line that pytest prints is taken for a command of the workflow: some hold prompts and messages.
set -euo pipefail

given=()
while IFS= read -r line; do
  [[ -z "$line" ]] || given+=("$line")
done <<<"$SUITES"$'\n'"$ARGUMENTS"

latest="$REPORTS/latest"
before="$(readlink "$latest" || true)"
token="$("$PYTHON" -c 'import secrets; print(secrets.token_hex(16))')"
code=0
echo "::stop-commands::$token"
"$PYTHON" -m pytest --golden-annotations=off "--golden-reports=$REPORTS" "${given[@]}" || code=$?
printf '\n::%s::\n' "$token"

after="$(readlink "$latest" || true)"
folder=""
if [[ -n "$after" && "$after" != "$before" ]]; then
  folder="$REPORTS/$after"
fi
{
  echo "exit-code=$code"
  echo "folder=$folder"
} >>"$GITHUB_OUTPUT"
