-- finger.lua: who is here, and what are they up to (RFC 1288)?
--
--   goodtalk -t finger.lua           as root: finger's port is 79
--   finger @127.0.0.1                everybody
--   finger ada@127.0.0.1             somebody
--
-- As somebody else: goodtalk -t finger.lua 7979, and printf 'ada\r\n' | nc localhost 7979
--
-- Here a reply is made by a function: it is given the message, and what the parentheses of its
-- pattern matched; what it returns is the reply.

listen = "127.0.0.1:79"
frame = "line"
keep = true

local people = {
  ada = { name = "Ada Lovelace", plan = "A table of Bernoulli numbers." },
  grace = { name = "Grace Hopper", plan = "To find the moth." },
}

local function everybody()
  local lines = {}
  for login, person in pairs(people) do
    table.insert(lines, ("%-10s%s\n"):format(login, person.name))
  end
  table.sort(lines)
  return "Login     Name\n" .. table.concat(lines)
end

local function somebody(_, login)
  local person = people[login]
  if not person then
    return login .. ": no such user.\n"
  end
  return ("Login: %s\nName: %s\nPlan: %s\n"):format(login, person.name, person.plan)
end

reply {
  { "^(?:/W)? *$", everybody, close = true }, -- /W: finger -l
  { "^(?:/W +)?(\\w+)$", somebody, close = true },
  { "@", "Nothing is forwarded.\n", close = true },
}
