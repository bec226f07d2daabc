-- http.lua: says hello over HTTP/1.1, as often as a client likes on one connection.
--
--   goodtalk -t http.lua
--   curl http://127.0.0.1:8080/ http://127.0.0.1:8080/Ada
--   curl --data 'how are you?' http://127.0.0.1:8080/echo
--
-- The head of a request ends with an empty line: that is the framing. Where a body follows, its
-- head says how long it is, and the framing is changed for just that.

listen = "127.0.0.1:8080"
frame = "delim:\r\n\r\n"
keep = true

local function answer(status, body)
  local head = "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
  return head:format(status, #body), body
end

-- The body of the request with this head; "" where it has none, nil where the client has gone.
local function read_body(peer, head)
  local size = head:lower():match "\r\ncontent%-length: *(%d+)"
  if not size or tonumber(size) == 0 then
    return ""
  end
  peer:frame("fixed:" .. size)
  local body = peer:hear()
  peer:frame "delim:\r\n\r\n"
  return body and body.text
end

local function respond(method, path, body)
  if method == "POST" and path == "/echo" then
    return answer("200 OK", body)
  elseif method ~= "GET" and method ~= "HEAD" then
    return answer("405 Method Not Allowed", "GET, please\n")
  end
  return answer("200 OK", "Hello, " .. (path:match "^/(%w+)$" or "world") .. "\n")
end

talk(function (peer)
  local request = peer:hear()
  while request do
    local method, path, version = request.text:match "^(%u+) (%S+) HTTP/1%.([01])"
    local body = read_body(peer, request.text)
    if not method or not body then
      peer:say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
      return
    end
    local head, content = respond(method, path, body)
    peer:say(head .. (method == "HEAD" and "" or content))
    if version == "0" or request.text:lower():find "\r\nconnection: *close" then
      return
    end
    request = peer:hear()
  end
end)
