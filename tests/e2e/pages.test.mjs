// Every page there is, in both languages, wide and light, on a phone and dark, as it comes without scripts: axe-core finds nothing in it, nothing scrolls sideways,
// and the keyboard alone reaches everything, in the order in which it is read. What the pages are for is in browser.test.mjs. With SHOTS=FOLDER each is kept as a picture.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { join } from 'node:path'
import axe from 'axe-core'
import { Gateway, until } from './lib/gateway.mjs'
import { Application } from './lib/application.mjs'
import { hasChromium, launch, startCallback } from './lib/chromium.mjs'
import { CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'
import { Slapd, hasSlapd } from './lib/slapd.mjs'
import { Upstream } from './lib/upstream.mjs'

const WIDE = { width: 1280, height: 900 }, PHONE = { width: 375, height: 700 }
const LANGUAGES = { en: 'en-GB', fr: 'fr-FR' }
// WCAG 2.2 A and AA, and what axe-core knows beyond them.
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

const noDirectory = hasSlapd ? false : 'no slapd here'
const WORD = 'old tractor canary'
const expired = ([uid, policy]) => [uid, { password: WORD, pwdPolicySubentry: `cn=${policy},ou=policies,dc=acme,dc=example`, pwdChangedTime: '20200101000000Z' }]

let gateway, fresh, chromium, callback, upstream, slapd
before(async () => {
	if (!hasChromium) return
	;[callback, upstream, slapd] = await Promise.all([startCallback(), Upstream.start({ people: { ada: { sub: 'ada-1', name: 'Ada Upstream', preferred_username: 'ada' } } }),
		hasSlapd && Slapd.start('dc=acme,dc=example', Object.fromEntries([['old', 'strict'], ['en', 'grace'], ['fr', 'grace']].map(expired)), {})])
	const there = { redirect_uris: [`${callback.origin}/cb`], post_logout_redirect_uris: [`${callback.origin}/bye`] }
	const clients = [{ ...CLIENTS.web, ...there }, { ...CLIENTS.asking, ...there }]
	const partner = (more) => upstream.provider('partner', { display_name: 'Our partner', ...more }), other = upstream.provider('other', { display_name: 'Another one' })
	const down = { ...partner(), name: 'down', display_name: 'A partner that is down', issuer: 'http://127.0.0.1:9' }
	const tenants = [
		tenant('acme', { clients }),
		tenant('mixed', { clients, providers: [{ name: 'own', type: 'local' }, partner(), down] }),
		tenant('elsewhere', { clients, users: [], policy: { password: { local: false } }, providers: [partner({ domains: ['partner.example'] }), other] }),
		...(slapd ? [tenant('directory', { clients, users: [], providers: [slapd.provider('directory', { password_change: true })] })] : [])]
	gateway = await Gateway.start({ declaration: declare(...tenants), config: { outbound: { allow: ['127.0.0.1/32'], timeout: '2s' } } })
	Upstream.trust(gateway, { ...tenants[1], providers: [tenants[1].providers[1]] }, tenants[2])
	fresh = await Gateway.start()
	chromium = await launch()
})
after(async () => {
	await chromium?.close()
	await Promise.all([gateway, fresh, callback, upstream, slapd].map((one) => one?.stop()))
})

const at = (name, client = CLIENTS.web) => new Application(gateway, name, { ...client, redirect_uris: [`${callback.origin}/cb`] })
const begin = (name, parameters, client) => at(name, client).begin(parameters).url
async function signIn(page, username = 'alice', password = PASSWORDS.alice) {
	await page.fill('[name=username]', username)
	await page.fill('[name=password]', password)
	await page.keyboard.press('Enter')
}
async function signedIn(page) {
	await page.goto(`${gateway.issuer('acme')}/account`)
	await signIn(page)
	await page.waitForURL(`${gateway.issuer('acme')}/account`)
}
async function refused(page, password) {
	await page.goto(begin('acme'))
	await signIn(page, 'alice', password)
	await page.getByRole('alert').waitFor()
}
/** A page that leaves by itself is kept from leaving, to be looked at. */
async function holdLeaving(page) {
	await page.route(`${gateway.base}/**`, async (route) => {
		const response = await route.fetch({ maxRedirects: 0 }), { refresh, ...headers } = response.headers()
		await route.fulfill({ response, headers })
	})
}

async function expiredAs(page, uid) {
	await page.goto(begin('directory'))
	await signIn(page, uid, WORD)
	await page.locator('[name=new_password]').waitFor()
}
/** The person presses "no" at the provider. */
async function refusedElsewhere(page) {
	await page.goto(begin('mixed'))
	await page.locator('a[href*="/login/partner"]').click()
	await page.locator('[name=refuse]').first().click()
	await page.getByRole('alert').waitFor()
}

/** What leads to each page; how many things the keyboard must find there is counted, that there are any is said here. */
const PAGES = {
	'sign-in': { open: (page) => page.goto(begin('acme')), stops: 4 },
	'sign-in, a name given': { open: (page) => page.goto(begin('acme', { login_hint: 'alice' })), stops: 4 },
	'sign-in, wrong': { open: (page) => refused(page, 'wrong'), stops: 4 },
	'sign-in, again': { open: async (page) => { await signedIn(page); await page.goto(begin('acme', { prompt: 'login' })); await page.getByRole('alert').waitFor() }, stops: 4 },
	'sign-in, here or elsewhere': { open: (page) => page.goto(begin('mixed')), stops: 6 },
	'sign-in, the name first': { open: (page) => page.goto(begin('elsewhere')), stops: 5 },
	'sign-in, a provider that does not answer': { open: async (page) => { await page.goto(begin('mixed')); await page.getByRole('link', { name: 'A partner that is down' }).click(); await page.getByRole('alert').waitFor() }, stops: 6 },
	'sign-in, refused elsewhere': { open: refusedElsewhere, stops: 6 },
	'sign-in, without an application': { open: (page) => page.goto(`${gateway.issuer('acme')}/account`), stops: 3 },
	leaving: { open: async (page) => { await holdLeaving(page); await page.goto(begin('elsewhere')); await page.fill('[name=username]', 'ada@partner.example'); await page.keyboard.press('Enter'); await page.locator('a.button').waitFor() }, stops: 1 },
	error: { open: (page) => page.goto(begin('acme', { redirect_uri: 'https://evil.example/' })), stops: 0 },
	'error, an address that is not there': { open: (page) => page.goto(`${gateway.issuer('acme')}/nothing`), stops: 0 },
	consent: { open: async (page) => { await page.goto(begin('acme', { scope: 'openid profile email wiki.read offline_access' }, CLIENTS.asking)); await signIn(page); await page.locator('[name=approve]').waitFor() }, stops: 2 },
	'form_post, before it is sent': { open: async (page) => { await page.goto(begin('acme', { response_mode: 'form_post' })); await signIn(page); await page.locator('form[action$="/cb"]').waitFor() }, stops: 1 },
	account: { open: signedIn, stops: 1 },
	'sign out?': { open: async (page) => { await signedIn(page); await page.goto(`${gateway.issuer('acme')}/logout`) }, stops: 1 },
	'signed out': { open: (page) => page.goto(`${gateway.issuer('acme')}/logout/done`), stops: 0 },
	'change password': { skip: noDirectory, open: (page) => expiredAs(page, 'old'), stops: 6 },
	'change password, or not yet': { skip: noDirectory, open: async (page) => expiredAs(page, await page.evaluate(() => navigator.language.slice(0, 2))), stops: 7 },
	'change password, wrong': { skip: noDirectory, open: async (page) => {
		await expiredAs(page, 'old')
		for (const [name, value] of [['password', 'wrong'], ['new_password', 'a fresh glacier'], ['new_password_again', 'another glacier']]) await page.fill(`[name=${name}]`, value)
		await page.keyboard.press('Enter')
		await page.locator('.problem').waitFor()
	}, stops: 6 },
	'the end of a test': { open: trialEnd, stops: 0 },
	welcome: { open: (page) => page.goto(gateway.base), stops: 0 },
	'welcome, nothing declared yet': { open: (page) => page.goto(fresh.base), stops: 1 },
	'a tenant\'s own address': { open: (page) => page.goto(gateway.issuer('acme')), stops: 3 },
}

async function trialEnd(page) {
	const trial = gateway.background(['provider', 'test', 'partner', '--interactive', '--tenant', 'elsewhere'])
	await until('an address to open', () => /^http\S+$/m.test(trial.err))
	await page.goto(trial.err.match(/^(http\S+)$/m)[1])
	await page.fill('[name=login]', 'ada')
	await page.click('[name=go]')
	await page.waitForURL(`${gateway.issuer('elsewhere')}/**`)
	await trial.done
}

/** Scripts of ours, once the page stands: what it would have run itself when it came it no longer runs. */
async function withScripts(page, work) {
	const session = await page.context().newCDPSession(page)
	await session.send('Emulation.setScriptExecutionDisabled', { value: false })
	try {
		return await work()
	} finally {
		await session.send('Emulation.setScriptExecutionDisabled', { value: true })
		await session.detach()
	}
}

async function assertAccessible(page, how) {
	const found = await withScripts(page, async () => {
		await page.evaluate(axe.source)
		return page.evaluate(async (values) => {
			const { violations, passes } = await window.axe.run(document, { runOnly: { type: 'tag', values } })
			return { looked: passes.length, faults: violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(' ')}`) }
		}, RULES)
	})
	assert.deepEqual(found.faults, [], how)
	assert.ok(found.looked > 10, `${how}: axe-core looked at ${found.looked} things only`)
}

async function assertFits(page, how) {
	const seen = await withScripts(page, () => page.evaluate(() => ({ wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
		small: [...document.querySelectorAll('button, a.button, input:not([type=hidden])')].map((one) => [one.name || one.textContent.trim(), one.getBoundingClientRect()])
			.filter(([, box]) => box.height < 24 || box.left < 0 || box.right > innerWidth).map(([name]) => name) })))
	assert.ok(seen.wider <= 0, `${how}: scrolls sideways by ${seen.wider} px`)
	assert.deepEqual(seen.small, [], `${how}: too small to be hit, or beyond the edge`)
}

/** Tab from the top: each thing that can be worked stands out when it is reached, once each, in the order of the page; then the page is left. */
async function assertKeyboard(page, stops) {
	await withScripts(page, async () => {
		const all = await page.evaluate(() => {
			const things = [...document.querySelectorAll('a[href], button, input:not([type=hidden])')]
			things.forEach((thing, i) => { thing.dataset.stop = i })
			document.activeElement?.blur()
			document.body.tabIndex = -1
			document.body.focus()
			return things.length
		})
		assert.equal(all, stops, 'things to work')
		const reached = []
		for (let i = 0; i < all; i++) {
			await page.keyboard.press('Tab')
			reached.push(await page.evaluate(() => {
				const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement)
				return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 ? Number(document.activeElement.dataset.stop) : `${document.activeElement.outerHTML} does not stand out`
			}))
		}
		assert.deepEqual(reached, Array.from({ length: all }, (_, i) => i))
	})
}

for (const [language, locale] of Object.entries(LANGUAGES))
	describe(`every page, ${language}`, { skip: hasChromium ? false : 'no Chromium here' }, () => {
		for (const [name, { open, stops, skip = false }] of Object.entries(PAGES))
			test(name, { skip }, async () => {
				const context = await chromium.newContext({ viewport: WIDE, javaScriptEnabled: false, locale, reducedMotion: 'reduce' })
				context.setDefaultTimeout(20000)
				const page = await context.newPage()
				try {
					await open(page)
					assert.equal(await page.getAttribute('html', 'lang'), language)
					assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1)
					for (const [size, viewport, colorScheme] of [['wide', WIDE, 'light'], ['phone', PHONE, 'dark']]) {
						const how = `${name}, ${language}, ${size}, ${colorScheme}`
						await page.setViewportSize(viewport)
						await page.emulateMedia({ colorScheme })
						if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `${how.replaceAll(/[^a-z0-9]+/gi, '-')}.png`), fullPage: true })
						await assertFits(page, how)
						await assertAccessible(page, how)
					}
					await assertKeyboard(page, stops)
				} catch (error) {
					error.message += `\nat ${page.url()}: ${(await page.textContent('body').catch(() => '')).replace(/\s+/g, ' ')}`
					throw error
				} finally {
					await context.close()
				}
			})
	})
