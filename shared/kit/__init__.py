"""Technical parts that every service is made of. Nothing in here has ever heard of a lead."""
