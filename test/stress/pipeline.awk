# A random pipeline: awk -v seed=N -f pipeline.awk. What it makes must not depend on blocks, batches, capacities or workers.
# With -v wild=1 it does: channels that drop, stages and sinks that fail.
function pick(n) { return int(rand() * n) }
function one_of(list,   v, n) { n = split(list, v, "|"); return v[1 + pick(n)] }
function workers() { return wild || pick(5) ? "" : " with workers=" (1 + pick(3)) }
function policy() {
    if (!wild || pick(4)) return ""
    return " with " one_of("order=false|order=false capacity=1|capacity=0|capacity=1|capacity=2|capacity=unbounded|capacity=64KiB|when_full=drop_new|when_full=drop_old|when_full=\"sample 3\"|when_full=drop_new capacity=1|when_full=drop_old capacity=2" (pick(4) ? "" : "|when_full=fail"))
}
function condition() {
    return one_of("n % 3 == 0|n > 40|n % 7 != 3|s == \"k3\"|s != \"k5\" and n < 200|x > 3|n < 0|n > 0|len(t) > 3|t =~ \"e\"|m > 10|n in [5, 6, 7]|s > 2 or n > 3")
}
function stage(   text) {
    text = kind()
    return text == "" || text ~ / with / ? text : text policy()
}
function kind(   k) {
    k = pick(22)
    if (k < 4) return "filter " condition() workers()
    if (k < 6) return "set x = t .. s" workers()
    if (k < 7) return "set x = upper(t) .. t .. t, z = lower(x)" workers()
    if (k < 8) return "set n = n + 1" workers()
    if (k < 9) return "unset " one_of("x|t|s") workers()
    if (k < 10) return "rename " one_of("n to m|s to x|t to u") workers()
    if (k < 11) return "keep " one_of("n, s, t|n as m, t|s, n, x|t, n, s") workers()
    if (k < 12) return "head " one_of("1|5|50|200|1000")
    if (k < 13) return "skip " one_of("1|5|50")
    if (k < 14) return "set m = n * 2, y = s .. \"/\" .. n" workers()
    if (k < 15) return "uniq"
    if (k < 16) return "dedupe s"
    if (k < 17) return one_of("tail 3|tail 40|sort -n|sort s, n|sort t|top 4 s")
    if (k < 18) return one_of("count|count by s|stats sum(n), first(n), last(t), max(n) by s|stats count(), list(n), first(s)|stats uniq(s), last(x)")
    if (k < 19) return "set v = 100 / (n % 4) with on_error=" one_of("skip|keep|{to: r.jsonl}" (wild ? "|stop" : ""))
    return ""
}
function line(depth,   n, text, s) {
    for (n = 1 + pick(3); n > 0; n--) {
        s = depth < 3 && !pick(2 * depth + 1) ? parting(depth + 1) : stage()
        if (s != "") text = text (text == "" ? "" : " | ") s
    }
    return text == "" ? "filter n > -1" : text
}
function branch(depth) {
    if (pick(9)) return line(depth)
    return wild && !pick(4) ? "file /dev/full" : "discard" policy()
}
function parting(depth,   n, text, k) {
    k = pick(2); n = 1 + pick(2)
    text = k ? "tee { filter n != 17" : "route { " condition() " => " line(depth)
    for (; n > 0; n--) text = text " ; " (k ? "" : condition() " => ") branch(depth)
    if (!k && pick(2)) text = text " ; else => " line(depth)
    return text " }"
}
BEGIN {
    srand(seed)
    text = one_of("parse json|parse json" workers() "|parse json with on_error=keep")
    to = seed % 5 == 0
    if (to) text = "parse json with on_error={to: bad}"
    if (!pick(3)) text = text " | " stage()
    sub(/ \| $/, "", text)
    text = text " | " parting(1) " | " line(1)
    print text (to ? " | discard | bad: set at = _line | sort at" : "")
}
