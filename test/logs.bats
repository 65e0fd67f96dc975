# Whole pipelines over real logs, compared with what awk, sort and jq compute.
load helper

# The ten most frequent paths of server errors, by awk: only lines that are well-formed.
awk_5xx() {
    awk -F'"' '{ split($3, s, " "); split($2, r, " "); if (s[1] + 0 >= 500) { if (!(r[2] in n)) order[++k] = r[2]; n[r[2]]++ } }
        END { for (i = 1; i <= k; i++) printf "%d\t%d\t%s\n", n[order[i]], i, order[i] }' "$1" |
        sort -k1,1nr -k2,2n | head | awk -F'\t' '{ printf "{\"path\":\"%s\",\"count\":%d}\n", $3, $1 }'
}

FIVE='parse combined | filter status >= 500 | count by path | sort -count | head 10'

@test "5xx by path equals awk: file, pipe, gz, YAML, capacity 1 and 64, tiny blocks" {
    needs_shared data/apache_combined.log
    log=$CHANPIPE_SHARED/data/apache_combined.log
    awk_5xx "$log" >expected
    [ -s expected ]
    chanpipe "$FIVE" "$log" | cmp - expected
    cat "$log" | chanpipe "$FIVE" | cmp - expected
    gzip -c "$log" >log.gz
    chanpipe "$FIVE" log.gz | cmp - expected
    cat log.gz | chanpipe "$FIVE" | cmp - expected
    chanpipe convert "$FIVE" >five.yaml
    chanpipe run five.yaml "$log" | cmp - expected
    chanpipe run -o json "$ROOT/pipelines/nginx-5xx.yaml" "$log" | cmp - expected
    for c in 1 64; do
        CHANPIPE_TEST_CAPACITY=$c chanpipe "$FIVE" "$log" | cmp - expected
    done
    CHANPIPE_TEST_BLOCK=61 CHANPIPE_TEST_BATCH=3 chanpipe "$FIVE" "$log" | cmp - expected
}

@test "5xx by path on the shipped sample" {
    awk_5xx "$SAMPLES/access.log" >expected
    chanpipe "$FIVE" "$SAMPLES/access.log" | cmp - expected
}

@test "an unchanged JSON record leaves byte for byte" {
    chanpipe 'parse json | filter status >= 0' "$SAMPLES/app.jsonl" | cmp - "$SAMPLES/app.jsonl"
    needs_shared data/nginxplus.jsonl
    chanpipe 'parse json | filter pid > 0' "$CHANPIPE_SHARED/data/nginxplus.jsonl" | cmp - "$CHANPIPE_SHARED/data/nginxplus.jsonl"
}

@test "JSON fields equal jq's" {
    jq -c 'select(.status >= 400) | {ts, id: .user.id, path: .req.path, msg}' "$SAMPLES/app.jsonl" >expected
    chanpipe 'parse json | filter status >= 400 | keep ts, user.id as id, req.path as path, msg' "$SAMPLES/app.jsonl" |
        jq -c . | cmp - expected
}

@test "group by equals jq's" {
    jq -sc 'group_by(.service)[] | {service: .[0].service, count: length, sum: (map(.status) | add)}' "$SAMPLES/app.jsonl" >expected
    chanpipe 'parse json | stats count(), sum(status) as sum by service | sort service' "$SAMPLES/app.jsonl" | cmp - expected
}

@test "prefilter on and off: the same bytes" {
    for q in 'parse json | filter level == "error"' 'parse json | filter status >= 500 and service in ["api", "web"]' \
        'parse json | filter contains(msg, "said")'; do
        chanpipe "$q" "$SAMPLES/app.jsonl" >with
        chanpipe run --no-prefilter "$q" "$SAMPLES/app.jsonl" | cmp - with
        [ -s with ]
    done
    for q in 'parse combined | filter status == 404' 'parse combined | filter contains(path, "api")'; do
        chanpipe "$q" "$SAMPLES/access.log" >with
        chanpipe run --no-prefilter "$q" "$SAMPLES/access.log" | cmp - with
        [ -s with ]
    done
}

@test "failed logins equal grep and awk" {
    needs_shared data/auth.log
    log=$CHANPIPE_SHARED/data/auth.log
    grep -E 'sshd\[[0-9]+\]: Failed ' "$log" | sed -nE 's/.* from ([^ ]+) port.*/\1/p' | sort | uniq -c | sort -rn | awk '{ print $1, $2 }' | sort >expected
    chanpipe -o tsv 'parse syslog | filter app == "sshd" and msg =~ /^Failed .* from (?<ip>\S+) port/ | count by ip' "$log" |
        awk 'NR > 1 { print $2, $1 }' | sort | cmp - expected
}

@test "every ready-made pipeline runs on the samples and says something" {
    declare -A input=([json-errors-by-service]=app.jsonl [slow-requests]=app.jsonl [json-to-csv]=app.jsonl
        [sshd-failed-logins]=auth.log [docker-logfmt]=docker.jsonl [latency-percentiles]=app.logfmt
        [csv-to-json]=requests.csv [merge-access-logs]='')
    cp "$SAMPLES"/{access.log,app.jsonl} . # those that name their files
    n=0
    for f in "$ROOT"/pipelines/*.yaml; do
        name=$(basename "$f" .yaml)
        sources=("$SAMPLES/${input[$name]-access.log}")
        [ -f "${sources[0]}" ] || sources=()
        cp_run run --strict "$f" "${sources[@]}"
        [ "$status" = 0 ] || fail "$name: status $status: $stderr"
        [ -n "$output" ] || [ "$name" = split-by-status ] || fail "$name: no output"
        head -1 "$f" | grep -q '^# ' || fail "$name has no header comment"
        chanpipe convert "$f" >one && chanpipe convert "$(cat one)" >two.yaml && chanpipe convert two.yaml | cmp - one
        n=$((n + 1))
    done
    [ $n -ge 10 ]
}

@test "ready-made pipelines with branches lose and repeat nothing" {
    cp "$SAMPLES"/{access.log,app.jsonl} .
    cp_run run "$ROOT/pipelines/split-by-status.yaml" access.log
    assert_equal "$status $output$stderr" '0 '
    for class in failed:5 refused:4 moved:3 ok:2; do
        awk -v c="${class#*:}" '{ sub(/^[^"]*"([^"\\\\]|\\\\.)*" /, "") } substr($0, 1, 1) == c' access.log | wc -l >expected
        [ "$(wc -l <"${class%:*}.log")" = "$(cat expected)" ] || fail "$class: $(wc -l <"${class%:*}.log"), not $(cat expected)"
    done
    cat failed.log refused.log moved.log ok.log | sort | cmp - <(sort access.log)
    cp_run run -o json "$ROOT/pipelines/nginx-errors-aside.yaml" access.log
    grep -E '" 5[0-9][0-9] [0-9-]+ "' access.log | cmp - errors.log
    assert_equal "$output" "$(chanpipe -o json 'parse combined | count by path | sort -count | head 10' access.log)"
    cp_run run "$ROOT/pipelines/merge-access-logs.yaml"
    assert_equal "$(wc -l <<<"$output")" 800
    sort -c <<<"$(jq -r .time <<<"$output")"
    assert_equal "$(jq -r .status <<<"$output" | sort)" "$( (chanpipe 'parse combined | keep status' access.log; chanpipe 'parse json | keep status' app.jsonl) | jq -r .status | sort)"
}
