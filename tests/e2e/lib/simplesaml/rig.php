<?php
// Runs before every page of SimpleSAMLphp. What the test wants of it stands in a file of the rig's folder and is read anew each time, so nothing is ever restarted.
const SIMPLESAML = '/usr/share/simplesamlphp';

function rig(string $name)
{
	static $rig = null;
	$rig = $rig ?? json_decode(file_get_contents(getenv('RIG') . '/rig.json'), true);
	return $rig[$name];
}

// TLS ends in front of us.
if (strpos(rig('origin'), 'https:') === 0) {
	$_SERVER['HTTPS'] = 'on';
}

// Its SAML library names AES-128-CBC where it encrypts, and has no setting for another: the same classes with the cipher that the test names.
require_once SIMPLESAML . '/lib/_autoload.php';
foreach (['EncryptedAssertion', 'Assertion', 'LogoutRequest'] as $class) {
	$text = str_replace('declare(strict_types=1);', '', file_get_contents(SIMPLESAML . "/vendor/simplesamlphp/saml2/src/SAML2/$class.php"));
	eval('?>' . str_replace('XMLSecurityKey(XMLSecurityKey::AES128_CBC)', 'XMLSecurityKey(' . var_export(rig('cipher'), true) . ')', $text, $places));
	if ($places < 1) {
		throw new Exception("$class.php has changed: the rig finds no cipher in it");
	}
}
