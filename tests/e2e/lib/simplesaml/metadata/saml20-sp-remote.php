<?php
// As an administrator does it: the metadata that the other side publishes, and what this one wants otherwise.
foreach (rig('services') as $service) {
	$read = \SimpleSAML\Metadata\SAMLParser::parseString($service['metadata'])->getMetadata20SP();
	$metadata[$read['entityid']] = $service['options'] + $read;
}
