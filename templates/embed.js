// Chef {{ version }}: <chef-progress job="JOB">, <chef-log job="JOB"> and <chef-project project="PROJECT"> for any page.
{
  const entry = "{{ entry }}";
  // A module has none, and finds relative addresses from its own place; a classic script of another origin does not.
  const script = document.currentScript;
  import(script ? new URL(entry, script.src).href : entry).catch((error) => {
    console.error(`Chef's elements could not be loaded. Does WEBSOCKET_CORS_ORIGIN let ${location.origin} in?`, error);
  });
}
