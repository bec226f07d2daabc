-- guess.lua: a guessing game to play over telnet.
--
--   goodtalk -t guess.lua
--   telnet 127.0.0.1 9999
--
-- Rules know one message. A conversation remembers: talk(function) runs the function once for each
-- connection, and all of them at once. Where it says hear, it waits for its own player, and nobody
-- else has to.

listen = "127.0.0.1:9999"
show = "none"
keep = true

-- Each conversation has its own locals; the table shared is for all of them.
local function tell_record(peer)
  if shared.best then
    peer:say("The record is " .. shared.best .. " guesses.\n")
  end
end

talk(function (peer)
  local secret, guesses = math.random(1, 100), 0
  peer:say "I think of a number from 1 to 100.\n"
  tell_record(peer)
  repeat
    peer:say "Your guess? "
    local message, why = peer:hear { timeout = "2min" }
    if not message then -- gone, or asleep
      if why == "timeout" then
        peer:say "\nAnother time, then.\n"
      end
      return
    end
    local guess = tonumber(message.text)
    if not guess then
      peer:say "A number, please. "
    else
      guesses = guesses + 1
      peer:say(guess < secret and "More. " or guess > secret and "Less. " or "Yes!\n")
    end
  until guess == secret

  peer:say("You needed " .. guesses .. " guesses.\n")
  shared.best = math.min(guesses, shared.best or guesses)
  log(peer.address .. " found " .. secret .. " with " .. guesses .. " guesses")
end) -- the end of the function is the end of the connection
