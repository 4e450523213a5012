// The pages as people meet them, in a real Chromium: without scripts, by keyboard alone, in two languages, light and dark, wide and narrow; and that the
// content security policy that guards them lets them work.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Gateway, until } from './lib/gateway.mjs'
import { Application } from './lib/application.mjs'
import { hasChromium, launch, startCallback } from './lib/chromium.mjs'
import { CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'

const skip = hasChromium ? false : 'no Chromium here'
const WIDE = { width: 1280, height: 900 }, NARROW = { width: 375, height: 700 }

let gateway, chromium, callback, web, asking
before(async () => {
	if (skip) return
	callback = await startCallback()
	const there = { redirect_uris: [`${callback.origin}/cb`], post_logout_redirect_uris: [`${callback.origin}/bye`] }
	const clients = [{ ...CLIENTS.web, ...there }, { ...CLIENTS.asking, ...there }]
	gateway = await Gateway.start({ declaration: declare(tenant('acme', { clients })) })
	;[web, asking] = clients.map((one) => new Application(gateway, 'acme', one))
	chromium = await launch()
})
after(async () => {
	await chromium?.close()
	await callback?.stop()
	await gateway?.stop()
})

/** A page of its own browser profile; what the console said is checked at the end. */
async function visit(work, { url = () => web.begin().url, ...options } = {}) {
	const context = await chromium.newContext({ viewport: WIDE, javaScriptEnabled: false, locale: 'en-GB', ...options })
	context.setDefaultTimeout(15000)
	const page = await context.newPage(), complaints = []
	page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(message.text()) })
	page.on('pageerror', (error) => complaints.push(String(error)))
	page.on('request', (request) => { if (![gateway.base, callback.origin].some((origin) => request.url().startsWith(origin))) complaints.push(`asked for ${request.url()}`) })
	try {
		const first = await page.goto(url())
		assert.ok([200, 400].includes(first.status()), `${first.status()} ${await page.textContent('body')}`)
		await work(page)
		assert.deepEqual(complaints.filter((text) => !/favicon|status of (400|403|503)/.test(text)), [], 'the console is silent')
	} catch (error) {
		error.message += `\nat ${page.url()}: ${(await page.textContent('body').catch(() => '')).replace(/\s+/g, ' ')}`
		throw error
	} finally {
		await context.close()
	}
}
const signIn = async (page, username = 'alice', password = PASSWORDS.alice) => {
	await page.fill('[name=username]', username)
	await page.fill('[name=password]', password)
	await page.click('button[type=submit]:has-text("Sign in")')
}
const cameBack = async (page) => {
	await page.waitForURL(`${callback.origin}/**`)
	return Object.fromEntries(new URL(page.url()).searchParams)
}
/** Whether anything is wider than the window, seen from outside since pages run no scripts. */
const overflow = async (page) => {
	const session = await page.context().newCDPSession(page)
	const { cssContentSize, cssLayoutViewport } = await session.send('Page.getLayoutMetrics')
	await session.detach()
	return cssContentSize.width - cssLayoutViewport.clientWidth
}
const focused = async (page) => {
	const session = await page.context().newCDPSession(page)
	const { nodes } = await session.send('Accessibility.getFullAXTree')
	await session.detach()
	const node = nodes.find((one) => one.properties?.some((property) => property.name === 'focused' && property.value.value === true) && one.role.value !== 'RootWebArea')
	return node && { role: node.role.value, name: node.name?.value }
}

/** Focus is given with the first frame that is drawn, a moment after the page has loaded. */
async function assertFocused(page, role, name) {
	let seen
	await until('the focus', async () => Boolean(seen = await focused(page)))
	assert.deepEqual(seen, { role, name })
}

describe('signing in', { skip }, () => {
	test('without scripts ends at the application, with a code', () => visit(async (page) => {
		await signIn(page)
		const answer = await cameBack(page)
		assert.ok(answer.code && answer.state)
		assert.equal(answer.iss, web.issuer)
		assert.match(await page.textContent('p'), /Welcome back/)
	}))

	test('with scripts switched on it is the same', () => visit(async (page) => {
		await signIn(page)
		assert.ok((await cameBack(page)).code)
	}, { javaScriptEnabled: true }))

	test('by keyboard only', () => visit(async (page) => {
		await assertFocused(page, 'textbox', 'User name or e-mail address')
		await page.keyboard.type('alice')
		await page.keyboard.press('Tab')
		await assertFocused(page, 'textbox', 'Password')
		await page.keyboard.type(PASSWORDS.alice)
		await page.keyboard.press('Enter')
		assert.ok((await cameBack(page)).code)
	}))

	test('by keyboard over the button', () => visit(async (page) => {
		await page.keyboard.type('alice')
		await page.keyboard.press('Tab')
		await page.keyboard.type(PASSWORDS.alice)
		await page.keyboard.press('Tab')
		await assertFocused(page, 'button', 'Sign in')
		await page.keyboard.press('Space')
		assert.ok((await cameBack(page)).code)
	}))

	test('a name that came as a hint: the cursor is in the password', () => visit(async (page) => {
		assert.equal(await page.inputValue('[name=username]'), 'alice')
		await assertFocused(page, 'textbox', 'Password')
	}, { url: () => web.begin({ login_hint: 'alice' }).url }))

	test('a wrong password is announced, tied to its fields, and mended in place', () => visit(async (page) => {
		await signIn(page, 'alice', 'not the password')
		const alert = page.getByRole('alert')
		assert.match(await alert.textContent(), /Wrong name or password/)
		assert.match(await page.title(), /^Wrong name or password/, 'the first thing a screen reader says')
		assert.equal(await page.getAttribute('[name=password]', 'aria-invalid'), 'true')
		assert.equal(await page.getAttribute('[name=password]', 'aria-describedby'), await alert.getAttribute('id'))
		assert.equal(await page.inputValue('[name=username]'), 'alice')
		assert.equal(await page.inputValue('[name=password]'), '')
		await page.fill('[name=password]', PASSWORDS.alice)
		await page.keyboard.press('Enter')
		assert.ok((await cameBack(page)).code)
	}))

	test('password managers find what they look for', () => visit(async (page) => {
		assert.equal(await page.getAttribute('[name=username]', 'autocomplete'), 'username')
		assert.equal(await page.getAttribute('[name=password]', 'autocomplete'), 'current-password')
		assert.equal(await page.getAttribute('[name=password]', 'type'), 'password')
		for (const name of ['username', 'password']) assert.equal(await page.locator(`label[for=${name}]`).count(), 1)
	}))

	test('cancel goes back to the application', () => visit(async (page) => {
		await page.getByRole('button', { name: /Cancel/ }).click()
		assert.equal((await cameBack(page)).error, 'access_denied')
	}))

	test('the back button after signing in harms nobody', () => visit(async (page) => {
		await signIn(page)
		await cameBack(page)
		await page.goBack()
		assert.match(await page.textContent('body'), /already finished|expired|Sign in|signed in/i)
		await page.goto(web.begin().url)
		assert.ok((await cameBack(page)).code, 'still signed in')
	}))

	/** The application's own page, on another site, whose form posts the request. */
	const postFromElsewhere = async (page, request) => {
		const inputs = [...request.form].map(([name, value]) => `<input type="hidden" name="${name}" value="${value}">`).join('')
		await page.route(`${callback.origin}/start`, (route) => route.fulfill({ contentType: 'text/html', body: `<form method="post" action="${web.issuer}/authorize">${inputs}<button>Go</button></form>` }))
		await page.goto(`${callback.origin}/start`)
		await page.click('button')
	}

	test('an application that posts its request leaves the sign-in of another tab alone', () => visit(async (page) => {
		const other = await page.context().newPage()
		await postFromElsewhere(other, web.begin())
		await other.waitForSelector('[name=password]')
		await signIn(page)
		assert.ok((await cameBack(page)).code)
	}))

	test('an application that posts its request (Core section 3.1.2.1), from another site, keeps the session', () => visit(async (page) => {
		await signIn(page)
		await cameBack(page)
		const request = web.begin()
		await postFromElsewhere(page, request)
		await page.waitForURL(`${callback.origin}/cb?**`)
		const answer = Object.fromEntries(new URL(page.url()).searchParams)
		assert.ok(answer.code)
		assert.equal(answer.state, request.state)
	}))
})

describe('how it looks', { skip }, () => {
	const LANGUAGES = { 'en-GB': { html: 'en', button: 'Sign in', label: 'Password' }, 'fr-FR': { html: 'fr', button: 'Se connecter', label: 'Mot de passe' } }
	for (const [locale, words] of Object.entries(LANGUAGES))
		for (const colorScheme of ['light', 'dark'])
			for (const viewport of [WIDE, NARROW])
				test(`${locale}, ${colorScheme}, ${viewport.width} px: reads well and does not scroll sideways`, () => visit(async (page) => {
					assert.equal(await page.getAttribute('html', 'lang'), words.html)
					await page.getByLabel(words.label, { exact: true }).waitFor()
					await page.getByRole('button', { name: words.button, exact: true }).waitFor()
					assert.ok(await overflow(page) <= 0)
					const box = await page.getByRole('button', { name: words.button, exact: true }).boundingBox()
					assert.ok(box.height >= 24 && box.x >= 0 && box.x + box.width <= viewport.width)
					await page.fill('[name=username]', 'alice')
					await page.fill('[name=password]', 'wrong')
					await page.keyboard.press('Enter')
					await page.getByRole('alert').waitFor()
					assert.ok(await overflow(page) <= 0)
				}, { locale, colorScheme, viewport }))

	test('light and dark are two', async () => {
		const colour = async (colorScheme) => {
			let value
			await visit(async (page) => { value = await page.evaluate(() => getComputedStyle(document.body).backgroundColor) }, { colorScheme, javaScriptEnabled: true })
			return value.match(/\d+/g).slice(0, 3).reduce((sum, one) => sum + Number(one), 0)
		}
		assert.ok(await colour('light') > 600)
		assert.ok(await colour('dark') < 200)
	})

	test('at four times the text size it still fits (WCAG 1.4.10: 320 px)', () => visit(async (page) => {
		assert.ok(await overflow(page) <= 0)
		assert.ok(await page.getByRole('button', { name: 'Sign in', exact: true }).isVisible())
	}, { viewport: { width: 320, height: 256 } }))

	test('long names do not break it', async () => {
		const long = 'Wagnerianischgesamtkunstwerkverwaltungsgesellschaft'.repeat(4)
		const clients = [{ ...CLIENTS.web, redirect_uris: [`${callback.origin}/cb`], client_name: long.slice(0, 200) }]
		const other = await Gateway.start({ declaration: declare({ ...tenant('long', { clients }), display_name: long.slice(0, 200) }) })
		try {
			const page = await (await chromium.newContext({ viewport: NARROW })).newPage()
			await page.goto(new Application(other, 'long', clients[0]).begin().url)
			assert.ok(await overflow(page) <= 0)
			await page.context().close()
		} finally {
			await other.stop()
		}
	})
})

describe('the other pages', { skip }, () => {
	test('consent: named, listed, approved', () => visit(async (page) => {
		await signIn(page)
		await page.getByRole('heading', { name: /The asking application asks for access/ }).waitFor()
		assert.match(await page.textContent('main'), /Alice Martin/)
		assert.ok(await page.getByRole('listitem').count() >= 2)
		await page.getByRole('button', { name: 'Allow', exact: true }).click()
		assert.ok((await cameBack(page)).code)
	}, { url: () => asking.begin({ scope: 'openid email wiki.read' }).url }))

	test('consent: declined, in French, narrow', () => visit(async (page) => {
		await page.fill('[name=username]', 'bruno')
		await page.fill('[name=password]', PASSWORDS.bruno)
		await page.keyboard.press('Enter')
		await page.getByRole('button', { name: 'Refuser' }).waitFor()
		assert.ok(await overflow(page) <= 0)
		await page.getByRole('button', { name: 'Refuser' }).click()
		assert.equal((await cameBack(page)).error, 'access_denied')
	}, { url: () => asking.begin({ scope: 'openid email' }).url, locale: 'fr-FR', viewport: NARROW }))

	test('error: what happened, what to do, the reference; and no way out to a stranger', () => visit(async (page) => {
		assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1)
		assert.match(await page.textContent('main'), /Reference/)
		assert.ok(await overflow(page) <= 0)
		for (const link of await page.locator('a[href]').all()) assert.doesNotMatch(await link.getAttribute('href'), /evil/)
	}, { url: () => web.begin({ redirect_uri: 'https://evil.example/' }).url, viewport: NARROW }))

	test('sign-out: asked, confirmed by keyboard, done', () => visit(async (page) => {
		await signIn(page)
		await cameBack(page)
		await page.goto(`${web.issuer}/logout?client_id=web&post_logout_redirect_uri=${encodeURIComponent(`${callback.origin}/bye`)}`)
		await assertFocused(page, 'button', 'Sign out')
		await page.keyboard.press('Enter')
		await page.waitForURL(`${callback.origin}/bye`)
		await page.goto(web.begin().url)
		assert.ok(await page.getByLabel('Password').isVisible())
		await page.goto(`${web.issuer}/logout/done`)
		assert.match(await page.title(), /You are signed out/)
	}))

	test('account: signed in by oneself', () => visit(async (page) => {
		await signIn(page)
		await page.getByRole('heading', { name: /Hello, Alice Martin/ }).waitFor()
		assert.ok(await overflow(page) <= 0)
		assert.ok(await page.getByRole('link', { name: 'Sign out' }).isVisible())
	}, { url: () => `${web.issuer}/account`, viewport: NARROW }))

	test('nothing of ours can be framed', async () => {
		const page = await (await chromium.newContext()).newPage()
		const frames = [`${gateway.base}/`, web.begin().url, `${web.issuer}/logout/done`, `${callback.origin}/cb`].map((url) => `<iframe src="${url}"></iframe>`).join('')
		await page.route(`${callback.origin}/frame`, (route) => route.fulfill({ contentType: 'text/html', body: frames }))
		await page.goto(`${callback.origin}/frame`)
		const shown = () => page.frames().slice(1).map((frame) => frame.url().split('/').slice(0, 3).join('/'))
		await until('four frames', () => shown().length === 4 && shown().every((url) => url.startsWith('chrome-error:') || url === callback.origin))
		assert.deepEqual(shown(), ['chrome-error://chromewebdata', 'chrome-error://chromewebdata', 'chrome-error://chromewebdata', callback.origin], 'only the application shows itself')
		await page.context().close()
	})

	test('a form sent from another site signs nobody in', async () => {
		const page = await (await chromium.newContext()).newPage()
		await page.route(`${callback.origin}/forged`, (route) => route.fulfill({ contentType: 'text/html', body: `<form method="post" action="${web.issuer}/login?flow=${'x'.repeat(43)}"><input name="username" value="bruno"><input name="password" value="${PASSWORDS.bruno}"><button>Win</button></form>` }))
		await page.goto(`${callback.origin}/forged`)
		await page.click('button')
		await page.waitForURL(`${web.issuer}/**`)
		assert.ok(!(await page.context().cookies()).some((cookie) => cookie.name === 'psr_s_acme'))
		await page.context().close()
	})
})
