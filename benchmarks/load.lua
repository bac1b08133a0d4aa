-- For wrk: the same POST about a random child, each time under a fresh Idempotency-Key.
local cprs = {}
for line in io.lines(os.getenv("LOAD_CPRS")) do
  cprs[#cprs + 1] = line
end
local before, after, run = os.getenv("LOAD_BEFORE"), os.getenv("LOAD_AFTER"), os.getenv("LOAD_RUN")
local headers = {
  ["Authorization"] = "Bearer " .. os.getenv("LOAD_TOKEN"),
  ["Content-Type"] = "application/json",
}
local sent = 0
math.randomseed(os.time())

request = function()
  sent = sent + 1
  headers["Idempotency-Key"] = run .. "-" .. sent
  return wrk.format("POST", nil, headers, before .. cprs[math.random(#cprs)] .. after)
end
