<?php
$metadata[rig('entity_id')] = [
	'host' => '__DEFAULT__',
	'privatekey' => 'idp.key',
	'certificate' => 'idp.pem',
	'auth' => 'people',
	'userid.attribute' => 'uid',
	'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
	'SingleSignOnServiceBinding' => ['urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect', 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST'],
	'SingleLogoutServiceBinding' => ['urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect', 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST'],
	'saml20.sign.response' => false,
	'saml20.sign.assertion' => true,
	'sign.logout' => true,
	'validate.authnrequest' => true,
	'validate.logout' => true,
	'authproc' => [
		10 => ['class' => 'saml:PersistentNameID', 'attribute' => 'uid'],
		11 => ['class' => 'saml:AttributeNameID', 'attribute' => 'mail', 'Format' => 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress'],
		12 => ['class' => 'saml:AttributeNameID', 'attribute' => 'mail', 'Format' => 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified'],
		13 => ['class' => 'saml:TransientNameID'],
	],
] + rig('idp');
if (rig('next_key')) {
	$metadata[rig('entity_id')] += ['new_privatekey' => 'next.key', 'new_certificate' => 'next.pem'];
}
