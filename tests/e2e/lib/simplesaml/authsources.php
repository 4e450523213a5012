<?php
$config = [
	'admin' => ['core:AdminPassword'],
	'people' => ['exampleauth:UserPass'],
];
foreach (rig('people') as $name => $person) {
	$config['people']["$name:{$person['password']}"] = ['uid' => [$name]] + $person['attributes'];
}
