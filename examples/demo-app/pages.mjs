// What people see. Every value goes through `html`, which escapes it; only what `html` made itself goes in as it is. No script on any page.

class Markup {
	constructor(text) {
		this.text = text
	}
}

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function put(value) {
	if (value === undefined || value === null || value === false) return ''
	if (value instanceof Markup) return value.text
	if (Array.isArray(value)) return value.map(put).join('')
	return String(value).replace(/[&<>"']/g, (character) => ESCAPES[character])
}

export function html(pieces, ...values) {
	return new Markup(pieces.reduce((text, piece, index) => text + put(values[index - 1]) + piece))
}

export const style = `
:root { --ink: #1d2733; --soft: #5c6b7a; --line: #dfe5eb; --paper: #f4f6f8; --card: #fff; --blue: #1f5fa8; --blue-dark: #174a85; --good: #1c7a4a; --bad: #b3362c; }
@media (prefers-color-scheme: dark) {
	:root { --ink: #e6ebf0; --soft: #9aa8b6; --line: #313c48; --paper: #151b22; --card: #1d252e; --blue: #5a9be0; --blue-dark: #7fb4ec; --good: #5cc28d; --bad: #ea8a80; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
header { background: var(--card); border-bottom: 1px solid var(--line); }
header div, main { max-width: 62rem; margin: 0 auto; padding: 1rem 1.25rem; }
header div { display: flex; align-items: center; gap: .75rem; flex-wrap: wrap; }
header strong { font-size: 1.1rem; margin-right: auto; }
form { margin: 0; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 1.5rem 0 .5rem; }
h2 { font-size: 1.05rem; margin: 0 0 .25rem; }
p { margin: .4rem 0; }
.soft { color: var(--soft); font-size: .92rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1.1rem 1.25rem; margin: 1rem 0; min-width: 0; }
.hero { text-align: center; padding: 3.2rem 1.25rem; }
.hero h1 { margin-top: 0; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1rem; }
.pair { margin: 1rem 0; }
.pair .card { margin: 0; }
.button { display: inline-block; font: inherit; font-weight: 600; text-decoration: none; cursor: pointer; padding: .5rem 1.1rem; border-radius: .45rem; border: 1px solid var(--blue); background: var(--blue); color: var(--card); }
.button:hover { background: var(--blue-dark); border-color: var(--blue-dark); }
.button.quiet { background: transparent; color: var(--blue); border-color: var(--line); }
.button.quiet:hover { border-color: var(--blue); }
.button:focus-visible { outline: 3px solid var(--blue); outline-offset: 2px; }
.big { padding: .75rem 2rem; font-size: 1.1rem; margin-top: 1.2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.25rem; margin: .8rem 0 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
pre { background: var(--paper); border: 1px solid var(--line); border-radius: .4rem; padding: .75rem .9rem; margin: .7rem 0 0; font-size: .84rem; line-height: 1.45; white-space: pre-wrap; overflow-wrap: anywhere; }
.good { color: var(--good); } .bad { color: var(--bad); }
`

function page(title, body, actions) {
	return put(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Demo application</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header><div><strong>Demo application</strong>${actions}</div></header>
<main>${body}</main>
</body>
</html>
`)
}

export const welcomePage = (issuer, note) => page('Welcome', html`
<section class="card hero">
<h1>Who are you?</h1>
${note ? html`<p>${note}</p>` : ''}
<p class="soft">This application keeps no passwords. It asks <code>${issuer}</code>.</p>
<a class="button big" href="/signin">Sign in</a>
</section>`)

export const errorPage = (heading, explanation, detail) => page(heading, html`
<section class="card">
<h1>${heading}</h1>
<p>${explanation}</p>
${detail ? html`<pre>${detail}</pre>` : ''}
<p><a class="button" href="/">Back to the start</a></p>
</section>`)

const tokenCard = (title, about, token) => html`
<section class="card"><h2>${title}</h2><p class="soft">${about}</p>
${token ? html`<pre>${JSON.stringify(token.header, null, 2)}</pre><pre>${JSON.stringify(token.claims, null, 2)}</pre>` : html`<p>Not a JWT: only its issuer can read it.</p>`}
</section>`

const answerCard = (title, about, answer) => html`
<section class="card"><h2>${title}</h2><p class="soft">${about}</p>
<p><strong class="${answer.status === 200 ? 'good' : 'bad'}">${answer.status ?? 'No answer'}</strong></p>
<pre>${answer.text}</pre>
</section>`

const row = (name, value) => value === undefined ? '' : html`<dt>${name}</dt><dd>${value}</dd>`

export function personPage({ person, idToken, accessToken, refreshable, answers, note }) {
	const actions = html`
${refreshable ? html`<form method="post" action="/refresh"><button class="button quiet">Refresh</button></form>` : ''}
<form method="post" action="/signout"><button class="button quiet">Sign out</button></form>`
	return page('Signed in', html`
<h1>Hello, ${person.name ?? person.preferred_username ?? person.sub}</h1>
${note ? html`<p class="soft">${note}</p>` : ''}
<section class="card"><h2>What the gateway says of you</h2><p class="soft">From its userinfo endpoint</p>
<dl>${row('Account', person.sub)}${row('User name', person.preferred_username)}${row('Name', person.name)}${row('E-mail', person.email)}
${row('E-mail verified', person.email_verified === undefined ? undefined : person.email_verified ? 'yes' : 'no')}${row('Groups', person.groups?.join?.(', '))}</dl>
</section>
<div class="pair">
${tokenCard('ID token', 'For this application: who signed in, when and how', idToken)}
${tokenCard('Access token', 'For the resource server; this application only carries it', accessToken)}
</div>
<div class="pair" id="resource-server">
${answerCard('Resource server, by published keys', 'It checked the signature itself', answers.jwks)}
${answerCard('Resource server, by introspection', 'It asked the gateway', answers.introspection)}
</div>`, actions)
}
