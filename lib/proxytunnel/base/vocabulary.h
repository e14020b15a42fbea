/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: every closed set of words, once: what can be switched off, protocols, kinds of messages and what is known of
 * each, commands, statuses, provenances. In C and C++ alike, the enumerations and tables of the core and of its C
 * interface are made of these rows; options, preferences, heuristics and the texts of the plugin follow.
 * test/suite/test_vocabulary.py compares the documents with them.
 *
 * A proxy protocol is one row of families, one of protocols for each of its versions, one of messages for each kind.
 */
#ifndef PROXYTUNNEL_VOCABULARY_H
#define PROXYTUNNEL_VOCABULARY_H

/* NOLINTBEGIN(bugprone-macro-parentheses,modernize-*): rows */
/* clang-format off */

/* What is switched on and off as one: its name in code and as a preference; as in --disable; as a heuristic; in titles;
 * how it is found; whose bytes its handshake is (pt_reader_t); its Detector (handshake/handshake.hpp), asked in this
 * order. A detector may serve several families that stand together. */
#define PT_FAMILIES(ROW)                                                                                            \
  ROW(socks4, "socks4", "proxytunnel_socks4", "SOCKS4 and SOCKS4a", "On any port", socks, socks4_detector)          \
  ROW(socks5, "socks5", "proxytunnel_socks5", "SOCKS5", "On any port", socks, socks5_detector)                      \
  ROW(http_connect, "http-connect", "proxytunnel_connect", "HTTP CONNECT", "On any port", http, http_detector)      \
  ROW(http_forward, "http-forward", "proxytunnel_forward", "HTTP forward proxying",                                 \
      "Requests in absolute form, on any port", http, http_detector)                                                \
  ROW(proxy_protocol, "proxy-protocol", "proxytunnel_proxy", "PROXY protocol headers", "On any port", proxy_header, \
      proxy_protocol_detector)                                                                                      \
  ROW(http_forwarded, "http-forwarded", "proxytunnel_forwarded", "HTTP requests that were forwarded",               \
      "Forwarded or X-Forwarded-For of a peer that is believed, on any port", http, http_forwarded_detector)

/* As in the report: its name in code and in the report, its family; for people: what it is called in an attempt, in the
 * protocol column, and whether its name says the command. */
#define PT_PROTOCOLS(ROW)                                                       \
  ROW(socks4, "socks4", socks4, "SOCKS4", "SOCKS4", false)                      \
  ROW(socks4a, "socks4a", socks4, "SOCKS4a", "SOCKS4a", false)                  \
  ROW(socks5, "socks5", socks5, "SOCKS5", "SOCKS5", false)                      \
  ROW(http_connect, "http-connect", http_connect, "HTTP CONNECT", "HTTP", true) \
  ROW(http_forward, "http-forward", http_forward, "HTTP proxy", "HTTP", false)  \
  ROW(proxy_v1, "proxy-v1", proxy_protocol, "PROXY v1", "PROXY v1", false)      \
  ROW(proxy_v2, "proxy-v2", proxy_protocol, "PROXY v2", "PROXY v2", false)      \
  ROW(http_forwarded, "http-forwarded", http_forwarded, "HTTP request", "HTTP", false)

/* What a client asks for: in the report, and for people. */
#define PT_COMMANDS(ROW)                               \
  ROW(none, "", "")                                    \
  ROW(connect, "connect", "Connect")                   \
  ROW(bind, "bind", "Bind")                            \
  ROW(udp_associate, "udp-associate", "UDP Associate") \
  ROW(resolve, "resolve", "Resolve")                   \
  ROW(resolve_ptr, "resolve-ptr", "Resolve PTR")       \
  ROW(forward, "forward", "Forward")

/* What became of an attempt, in the report. */
#define PT_STATUSES(ROW)                                                                                      \
  ROW(incomplete, "incomplete")           /* the capture or the connection ended before the proxy's answer */ \
  ROW(established, "established")         /* the tunnel opened */                                             \
  ROW(refused, "refused")                 /* the proxy said no */                                             \
  ROW(auth_failed, "auth-failed")         /* the proxy did not accept the credentials, or wants some (407) */ \
  ROW(method_rejected, "method-rejected") /* SOCKS5: none of the offered methods was acceptable */            \
  ROW(invalid_target, "invalid-target")   /* opened, but the request named nothing that can be a target */    \
  ROW(encapsulated, "encapsulated")       /* SOCKS5: wrapped (GSSAPI, RFC 1961 section 5; other methods) */   \
  ROW(malformed, "malformed")             /* the bytes broke the protocol */

/* Where an origin's address comes from, in the report; strongest evidence first. */
#define PT_PROVENANCES(ROW)                                                                                       \
  ROW(literal, "literal")                             /* the request said an address */                           \
  ROW(wan_leg, "wan-leg")                             /* the proxy's own connection to the origin was found */    \
  ROW(socks_reply, "socks-reply")                     /* BND of the reply (reply_rules.hpp) */                    \
  ROW(dns_in_capture, "dns-in-capture")               /* a DNS answer in the capture */                           \
  ROW(name_resolution_block, "name-resolution-block") /* of a pcapng file */                                      \
  ROW(hosts_file, "hosts-file")                                                                                   \
  ROW(dns_live, "dns-live")                           /* looked up while the capture was read */                  \
  ROW(dns_unasked, "dns-unasked")                     /* an answer to no question in the capture: never chosen */ \
  ROW(synthetic, "synthetic")                         /* made up from the name (synthetic.hpp) */                 \
  ROW(carrier, "carrier")                             /* the PROXY protocol: an end of the carrying connection */

/* What a kind of message is, as bits. */
enum {
  PT_BEGINS = 1,   /* an attempt to open a tunnel begins with it */
  PT_ASKS = 2,     /* the request: it says whom the client wants to reach */
  PT_ANSWERS = 4,  /* what became of the request */
  PT_LOGS_IN = 8,
  PT_PAYLOAD = 16, /* payload for its target as well */
  PT_UNTOLD = 32   /* told of only where something about it is odd */
};

/* Messages of handshakes: what they are; what they tell people (pt_tells_t), and the text before that. Of one that
 * tells a code: the text where the code has none of its own (PT_CODES). */
#define PT_MESSAGES(ROW)                                                                                       \
  ROW(socks4_request, PT_BEGINS | PT_ASKS, request, "")                                                        \
  ROW(socks4_reply, PT_ANSWERS, code, "unknown reply")                                                         \
  ROW(socks5_greeting, PT_BEGINS, methods, "SOCKS5 methods offered: ")      /* all that the client offers */   \
  ROW(socks5_method, 0, methods, "SOCKS5 method selected: ")                /* the proxy's choice */           \
  ROW(socks5_auth_request, PT_LOGS_IN, username, "SOCKS5 login of ")        /* RFC 1929 */                     \
  ROW(socks5_auth_reply, PT_LOGS_IN, code, "SOCKS5 login failed")                                              \
  ROW(socks5_gssapi, 0, nothing, "SOCKS5 GSSAPI message")                   /* RFC 1961 sections 3, 4 */       \
  ROW(socks5_request, PT_ASKS, request, "")                                                                    \
  ROW(socks5_reply, PT_ANSWERS, code, "unknown reply")                                                         \
  ROW(http_connect_request, PT_BEGINS | PT_ASKS, request, "")                                                  \
  ROW(http_response_head, PT_ANSWERS, answer, "")                           /* to CONNECT, 1xx too; any 407 */ \
  ROW(http_forward_request, PT_ASKS | PT_PAYLOAD, request, "")              /* the head, in absolute-form */   \
  ROW(http_forward_response, PT_ANSWERS | PT_PAYLOAD, answer_of_origin, "") /* the head, 1xx too */            \
  ROW(http_forwarded_request, PT_ASKS | PT_PAYLOAD, real_client, "")        /* its fields claim a client */    \
  ROW(http_forward_body, PT_PAYLOAD | PT_UNTOLD, nothing, "")               /* of either */                    \
  ROW(http_other, PT_UNTOLD, nothing, "")                                   /* bodies of refusals above all */ \
  ROW(proxy_header, PT_BEGINS | PT_ASKS, real_client, "")                   /* of the PROXY protocol */        \
  ROW(preamble, 0, nothing, "bytes before the handshake")                   /* of a back-connect proxy */

/* Codes in messages, for people: the kind, the code, whether it grants what was asked for, the text. */
#define PT_SOCKS5_METHODS(ROW)                         \
  ROW(socks5_method, 0, false, "no authentication")    \
  ROW(socks5_method, 1, false, "GSSAPI")               \
  ROW(socks5_method, 2, false, "user name/password")   \
  ROW(socks5_method, 3, false, "challenge-handshake")  \
  ROW(socks5_method, 5, false, "challenge-response")   \
  ROW(socks5_method, 6, false, "TLS")                  \
  ROW(socks5_method, 7, false, "NDS")                  \
  ROW(socks5_method, 8, false, "multi-authentication") \
  ROW(socks5_method, 9, false, "JSON parameter block") \
  ROW(socks5_method, 0xff, false, "none acceptable")
#define PT_CODES(ROW)                                                   \
  PT_SOCKS5_METHODS(ROW)                                                \
  ROW(socks5_auth_reply, 0, true, "SOCKS5 login accepted")              \
  ROW(socks4_reply, 90, true, "granted")                                \
  ROW(socks4_reply, 91, false, "rejected or failed")                    \
  ROW(socks4_reply, 92, false, "rejected, no identd on the client")     \
  ROW(socks4_reply, 93, false, "rejected, identd reports another user") \
  ROW(socks5_reply, 0, true, "granted")                                 \
  ROW(socks5_reply, 1, false, "general failure")                        \
  ROW(socks5_reply, 2, false, "not allowed by ruleset")                 \
  ROW(socks5_reply, 3, false, "network unreachable")                    \
  ROW(socks5_reply, 4, false, "host unreachable")                       \
  ROW(socks5_reply, 5, false, "connection refused")                     \
  ROW(socks5_reply, 6, false, "TTL expired")                            \
  ROW(socks5_reply, 7, false, "command not supported")                  \
  ROW(socks5_reply, 8, false, "address type not supported")

/* Why what follows is not followed: the proxy refused, and its client went on. */
#define PT_PAYLOAD_AFTER_REFUSAL "payload-after-refusal"

/* Where for whom a request was forwarded comes from: anybody on its way may have said so. */
#define PT_CLAIMED_BY_PEER "claimed-by-peer"

/* The first two columns of most tables. */
#define PT_ID(id, ...) id,
#define PT_NAME(id, name, ...) name,

/* clang-format on */
/* NOLINTEND(bugprone-macro-parentheses,modernize-*) */

#endif
