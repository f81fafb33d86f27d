package notify

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"github.com/slack-go/slack"
)

const (
	adviceToken   = "the bot token is not valid: put a current one (xoxb-…) into KEY.tokenFile"
	adviceChannel = "there is no such channel, or the bot cannot see it: check KEY.channel, and invite the bot if the channel is private"
	adviceInvite  = "invite the bot to the channel: /invite @its-name there"
	adviceHook    = "the webhook is gone: make a new one in the Slack app and put its URL into KEY.webhookURLFile"
	adviceArchive = "the channel is archived: unarchive it or choose another one in KEY.channel"
	adviceMoved   = "the channel is archived or gone: unarchive it, or make a webhook for another one and put its URL into KEY.webhookURLFile"
	adviceAllowed = "the workspace does not let this app post there: ask an administrator of it, or choose another channel"
	adviceBug     = "please report this as a bug of hubaudit"
)

// slackAdvice says what to do about Slack's error words
// (docs.slack.dev/reference/methods/chat.postMessage, .../messaging/sending-messages-using-incoming-webhooks).
var slackAdvice = map[string]string{
	"invalid_auth": adviceToken, "not_authed": adviceToken, "account_inactive": adviceToken,
	"token_revoked": adviceToken, "token_expired": adviceToken, "not_allowed_token_type": adviceToken,
	"channel_not_found": adviceChannel, "not_in_channel": adviceInvite,
	"is_archived": adviceArchive, "channel_is_archived": adviceArchive,
	"restricted_action": adviceAllowed, "action_prohibited": adviceAllowed, "ekm_access_denied": adviceAllowed,
	"posting_to_general_channel_denied": adviceAllowed, "team_access_not_granted": adviceAllowed, "access_denied": adviceAllowed,
	"msg_too_long": adviceBug, "msg_blocks_too_long": adviceBug, "invalid_blocks": adviceBug,
	"invalid_blocks_format": adviceBug, "invalid_payload": adviceBug, "no_text": adviceBug,
	"no_service": adviceHook, "no_service_id": adviceHook, "no_active_hooks": adviceHook, "invalid_token": adviceHook,
	"no_team": adviceHook, "team_disabled": adviceHook, "user_not_found": adviceHook,
}

// webhookAdvice is about words on which a webhook, which has no setting for its channel,
// needs other advice.
var webhookAdvice = map[string]string{
	"channel_not_found": adviceMoved, "is_archived": adviceMoved, "channel_is_archived": adviceMoved,
}

// slackPasses are words for what is over soon.
var slackPasses = map[string]bool{
	"internal_error": true, "fatal_error": true, "service_unavailable": true, "request_timeout": true, "rollup_error": true,
}

// slackThreadLost are words for a thread that cannot be answered any more,
// while the channel itself may do.
var slackThreadLost = map[string]bool{
	"thread_not_found": true, "message_not_found": true, "message_deleted": true, "cannot_reply_to_message": true, "restricted_action_thread_locked": true,
	"channel_not_found": true, "not_in_channel": true, "is_archived": true,
}

// slackCannotEdit are words for a message that is still there but stays as it is:
// the workspace lets messages be edited for some time only, or another app posted it.
var slackCannotEdit = map[string]bool{"edit_window_closed": true, "cant_update_message": true}

// explainSlack reads the words of the Web API, which come with HTTP 200.
func explainSlack(x *exchange, err error) *failure {
	var said slack.SlackErrorResponse
	if !errors.As(err, &said) {
		return nil
	}
	if said.Err == "ratelimited" || said.Err == "rate_limited" {
		return &failure{reason: "it asks to send more slowly", word: said.Err, retry: true, after: cmp.Or(x.retryAfter(), rateLimitWait)}
	}
	f := slackFailure(x, said.Err, slackAdvice[said.Err])
	if said.Err == "missing_scope" && said.Needed != "" {
		f.reason += ": add the scope " + x.quote(said.Needed) + " to the Slack app and install it again"
	}
	if len(said.ResponseMetadata.Messages) > 0 {
		f.reason += " (" + x.quote(strings.Join(said.ResponseMetadata.Messages, "; ")) + ")"
	}
	return f
}

// explainWebhook reads the words of an incoming webhook: plain text with a 4xx.
func explainWebhook(x *exchange, _ error) *failure {
	if x.status < 400 || x.status >= 500 || x.status == http.StatusTooManyRequests || x.status == http.StatusRequestTimeout {
		return nil
	}
	word := strings.TrimSpace(string(x.body))
	if advice := cmp.Or(webhookAdvice[word], slackAdvice[word]); advice != "" {
		return slackFailure(x, word, advice)
	}
	return nil
}

func slackFailure(x *exchange, word, advice string) *failure {
	return &failure{reason: "Slack refused: " + x.quote(word) + x.sender.advise(advice), word: word, retry: slackPasses[word]}
}
