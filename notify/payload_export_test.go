package notify

import "bytes"

// Payload is the message's JSON.
func (m *Message) Payload() ([]byte, error) { return m.payload() }

// Letters are what a mail about the message, and a digest of it, show.
func (m *Message) Letters() (plain, html, digest string, err error) {
	if plain, html, err = newLetter(m).render(); err != nil {
		return "", "", "", err
	}
	digest, _, err = newDigest([]Message{*m}).render()
	return plain, html, digest, err
}

// Alert is what an Alertmanager gets of the message.
func (m *Message) Alert() (labels, annotations map[string]string) {
	labels = alertLabels(&m.Incident, nil)
	return labels, new(alertmanager).alert(m, labels).Annotations
}

// Mail is the mail about the message as it goes over the wire.
func (m *Message) Mail() ([]byte, error) {
	e := NewEmail("email", EmailOptions{From: "audit@example.org", To: []string{"ops@example.org"}, Server: "localhost:25", TLS: TLSNone}).(*email)
	msg, err := e.compose(newLetter(m), headOf(m))
	if err != nil {
		return nil, err
	}
	var wire bytes.Buffer
	_, err = msg.WriteTo(&wire)
	return wire.Bytes(), err
}
