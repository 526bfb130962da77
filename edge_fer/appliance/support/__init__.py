"""The support bundle: what somebody who helps needs to know, in one file that shows and names nobody."""
