# Writes the report once more, now that its address is known, prints the annotations, and copies the
# summary into the job's.
set -euo pipefail

command=(-c "from goldenseed.cli.main import main; main()" report "$FOLDER/" --annotations)
[[ -z "$DOWNLOAD_URL" ]] || command+=(--download-url "$DOWNLOAD_URL")
[[ -z "$REPORT_URL" ]] || command+=(--url "$REPORT_URL")
"$PYTHON" "${command[@]}"
cat "$FOLDER/summary.md" >>"$GITHUB_STEP_SUMMARY"
